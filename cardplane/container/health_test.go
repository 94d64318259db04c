package container_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// checked gives a container a health check that is done every 10 ms.
func checked(script string, retries int) func(*cardplane.ContainerSpec) {
	return func(s *cardplane.ContainerSpec) {
		s.Healthcheck = &cardplane.Healthcheck{Shell: script, Interval: 10 * time.Millisecond, Retries: retries}
	}
}

func hasHealth(status cardplane.HealthStatus) func(cardplane.Container) bool {
	return func(c cardplane.Container) bool { return c.Health != nil && c.Health.Status == status }
}

// touch makes or removes a file that a health check looks for.
func touch(t *testing.T, path string, there bool) {
	t.Helper()
	var err error
	if there {
		err = os.WriteFile(path, nil, 0o600)
	} else {
		err = os.Remove(path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The guest goes on to probe while there is no control plane. The next one
// tells of what has changed meanwhile, each change once and in order.
func TestHealthOverARestart(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	well := filepath.Join(t.TempDir(), "well")
	touch(t, well, true)
	c := p.run("sleep 1000", checked("[ -e "+well+" ]", 1))
	w.until(p, c.ID, hasHealth(cardplane.HealthHealthy))
	p.close()
	touch(t, well, false)
	w.agents[0].AwaitHealth(t, c.ID, "unhealthy")
	touch(t, well, true)
	w.agents[0].AwaitHealth(t, c.ID, "healthy")
	p = w.open(nil)
	got := w.until(p, c.ID, func(c cardplane.Container) bool { return len(c.Health.Results) > 0 })
	if got.Health.Status != cardplane.HealthHealthy {
		t.Fatalf("%+v", got.Health)
	}
	touch(t, well, false)
	w.until(p, c.ID, hasHealth(cardplane.HealthUnhealthy))
	p.close()
	p = w.open(nil) // knows it all
	if got, err := p.Get(w.ctx, c.ID); err != nil || got.Health.Status != cardplane.HealthUnhealthy {
		t.Fatalf("%+v, %v", got, err)
	}
	w.until(p, c.ID, func(c cardplane.Container) bool { return len(c.Health.Results) > 0 })
	want := []string{"healthy", "unhealthy", "healthy", "unhealthy"}
	if statuses := p.healthEvents(c.ID, len(want)); !slices.Equal(statuses, want) {
		t.Fatalf("told of %v, want %v", statuses, want)
	}
}

// healthEvents returns the statuses that events have told of, once there are
// as many as wanted.
func (p *plane) healthEvents(id string, wanted int) []string {
	p.w.t.Helper()
	r, err := p.events.Events(p.w.ctx, cardplane.EventOptions{
		Follow: true, EventFilter: cardplane.EventFilter{Types: []string{string(cardplane.ContainerHealth)}, Containers: []string{id}},
	})
	must(p.w.t, r, err)
	defer func() { _ = r.Close() }()
	var statuses []string
	for len(statuses) < wanted {
		e, err := r.Next(p.w.ctx)
		must(p.w.t, e, err)
		statuses = append(statuses, e.Attributes["status"])
	}
	return statuses
}

// Probes that change nothing are shown, but not written.
func TestProbesAreNotStored(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("sleep 1000", checked("exit 0", 1))
	first := w.until(p, c.ID, hasHealth(cardplane.HealthHealthy))
	p.healthEvents(c.ID, 1)
	before := p.transaction()
	last := func(c cardplane.Container) time.Time { return c.Health.Results[len(c.Health.Results)-1].StartedAt }
	now := w.until(p, c.ID, func(c cardplane.Container) bool { return last(c).After(last(first)) })
	if after := p.transaction(); after != before {
		t.Errorf("%d writes for probes that changed nothing", after-before)
	}
	if now.Revision != first.Revision {
		t.Error("they changed the container's revision")
	}
}

// transaction returns the number of the store's latest write.
func (p *plane) transaction() (id int) {
	p.w.t.Helper()
	if err := p.store.DB().View(func(tx *bbolt.Tx) error { id = tx.ID(); return nil }); err != nil {
		p.w.t.Fatal(err)
	}
	return id
}

// Each run begins its health anew.
func TestHealthBeginsAnew(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	well := filepath.Join(t.TempDir(), "well")
	touch(t, well, true)
	c := p.run("sleep 1000", checked("[ -e "+well+" ]", 1000000))
	w.until(p, c.ID, hasHealth(cardplane.HealthHealthy))
	if _, err := p.Stop(w.ctx, c.ID, cardplane.StopOptions{}); err != nil {
		t.Fatal(err)
	}
	if c := p.end(c.ID); c.Health.Status != cardplane.HealthHealthy || len(c.Health.Results) == 0 {
		t.Fatalf("after its end %+v", c.Health)
	}
	touch(t, well, false)
	again, err := p.Start(w.ctx, c.ID)
	if must(t, again, err); again.Health.Status != cardplane.HealthStarting {
		t.Fatalf("%+v", again.Health)
	}
	failing := w.until(p, c.ID, func(c cardplane.Container) bool { return c.Health.FailingStreak > 0 })
	if failing.Health.Status != cardplane.HealthStarting {
		t.Fatalf("%+v", failing.Health)
	}
}

// What a container does not say of its health check is the image's, or the
// default.
func TestImageHealthcheck(t *testing.T) {
	image := &cardplane.Healthcheck{Shell: "true", Interval: time.Minute, Retries: 9}
	for name, tt := range map[string]struct{ given, image, want *cardplane.Healthcheck }{
		"none":        {},
		"times alone": {given: &cardplane.Healthcheck{Interval: time.Hour}},
		"the image's": {image: image, want: &cardplane.Healthcheck{
			Shell: "true", Interval: time.Minute, Timeout: 30 * time.Second, StartInterval: 5 * time.Second, Retries: 9}},
		"part of it": {image: image, given: &cardplane.Healthcheck{Timeout: time.Second}, want: &cardplane.Healthcheck{
			Shell: "true", Interval: time.Minute, Timeout: time.Second, StartInterval: 5 * time.Second, Retries: 9}},
		"another command": {image: image, given: &cardplane.Healthcheck{Command: []string{"a"}}, want: &cardplane.Healthcheck{
			Command: []string{"a"}, Interval: time.Minute, Timeout: 30 * time.Second, StartInterval: 5 * time.Second, Retries: 9}},
		"disabled": {image: image, given: &cardplane.Healthcheck{Disabled: true}, want: &cardplane.Healthcheck{Disabled: true}},
		"its own": {given: &cardplane.Healthcheck{Command: []string{"a"}}, want: &cardplane.Healthcheck{
			Command: []string{"a"}, Interval: 30 * time.Second, Timeout: 30 * time.Second, StartInterval: 5 * time.Second, Retries: 3}},
	} {
		got := tt.given.Over(tt.image)
		if (got == nil) != (tt.want == nil) || got != nil && (got.Shell != tt.want.Shell || !slices.Equal(got.Command, tt.want.Command) ||
			got.Disabled != tt.want.Disabled || got.Interval != tt.want.Interval || got.Timeout != tt.want.Timeout ||
			got.StartInterval != tt.want.StartInterval || got.Retries != tt.want.Retries) {
			t.Errorf("%s: got %+v, want %+v", name, got, tt.want)
		}
	}
}

func TestBadHealthchecks(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	for field, check := range map[string]cardplane.Healthcheck{
		"/healthcheck":                      {Command: []string{"a"}, Shell: "b"},
		"/healthcheck/command/0":            {Command: []string{""}},
		"/healthcheck/intervalSeconds":      {Shell: "a", Interval: time.Microsecond},
		"/healthcheck/timeoutSeconds":       {Shell: "a", Timeout: -1},
		"/healthcheck/startPeriodSeconds":   {Shell: "a", StartPeriod: 366 * 24 * time.Hour},
		"/healthcheck/startIntervalSeconds": {Shell: "a", StartInterval: 1},
		"/healthcheck/retries":              {Shell: "a", Retries: -1},
	} {
		_, err := p.Create(w.ctx, cardplane.ContainerSpec{Image: "test", Command: []string{"true"}, Healthcheck: &check}, "")
		if !apierr.Is(err, "invalid_healthcheck") || apierr.From(err).Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}
