package cardplanetest

import (
	"strings"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// checkedBy gives a container a health check that is done at short intervals.
func checkedBy(check cardplane.Healthcheck) func(*cardplane.ContainerSpec) {
	check.Interval = 10 * time.Millisecond
	return func(spec *cardplane.ContainerSpec) { spec.Healthcheck = &check }
}

// awaitHealth returns the container once ready accepts its health.
func (s *suite) awaitHealth(id string, ready func(cardplane.Health) bool) cardplane.Container {
	s.t.Helper()
	for {
		c, err := s.Containers.Get(s.ctx, id)
		s.ok(err)
		if c.Health != nil && ready(*c.Health) {
			return c
		}
		sleepFor(s.ctx, 10*time.Millisecond)
	}
}

// A health check that succeeds shows in the container, in lists, by a wait and
// by one event, and leaves no execs.
func (s *suite) healthy() {
	created := s.newContainer(checkedBy(cardplane.Healthcheck{Command: []string{"echo", "well"}}), "sleep", "1000")
	equal(s, "has health before its start", created.Health == nil, true)
	waited := s.waitFor(created.ID, cardplane.WaitHealthy)
	_, err := s.Containers.Start(s.ctx, created.ID)
	s.ok(err)
	got := <-waited
	s.ok(got.err)
	equal(s, "status", got.c.Health.Status, cardplane.HealthHealthy)
	c := s.awaitHealth(created.ID, func(h cardplane.Health) bool { return len(h.Results) == cardplane.MaxHealthResults })
	last := c.Health.Results[4]
	equal(s, "exit code", last.ExitCode, 0)
	equal(s, "output", last.Output, "well\n")
	equal(s, "streak", c.Health.FailingStreak, 0)
	equal(s, "ends after its start", last.FinishedAt.Before(last.StartedAt), false)
	execs, err := s.Containers.ListExecs(s.ctx, c.ID)
	s.ok(err)
	equal(s, "execs", len(execs), 0)
	equal(s, "events", strings.Join(s.healthEvents(c.ID), " "), "healthy")
	now, err := s.Containers.Get(s.ctx, c.ID)
	s.ok(err)
	equal(s, "revision", now.Revision, c.Revision)
	for _, tt := range []struct {
		status cardplane.HealthStatus
		want   int
	}{{cardplane.HealthHealthy, 1}, {cardplane.HealthUnhealthy, 0}, {cardplane.HealthNone, 0}} {
		list, err := s.Containers.List(s.ctx, cardplane.ContainerFilter{Health: []cardplane.HealthStatus{tt.status}})
		s.ok(err)
		equal(s, string(tt.status)+" ones", len(list), tt.want)
	}
}

// healthEvents returns the statuses that events have told of.
func (s *suite) healthEvents(id string) (statuses []string) {
	s.t.Helper()
	reader, err := s.Events.Events(s.ctx, cardplane.EventOptions{EventFilter: cardplane.EventFilter{Types: []string{string(cardplane.ContainerHealth)}}})
	s.ok(err)
	defer func() { _ = reader.Close() }()
	for {
		e, err := reader.Next(s.ctx)
		if err != nil {
			return statuses
		}
		if e.Subject == id {
			statuses = append(statuses, e.Attributes["status"])
		}
	}
}

// Enough failures in a row make a container unhealthy, whatever they are.
func (s *suite) unhealthy() {
	unhealthy := func(h cardplane.Health) bool { return h.Status == cardplane.HealthUnhealthy }
	c := s.running(checkedBy(cardplane.Healthcheck{Shell: "echo ill; exit 4", Retries: 2}), "sleep", "1000")
	c = s.awaitHealth(c.ID, unhealthy)
	equal(s, "streak is long enough", c.Health.FailingStreak >= 2, true)
	equal(s, "exit code", c.Health.Results[0].ExitCode, 4)
	equal(s, "output", c.Health.Results[0].Output, "ill\n")
	c = s.running(checkedBy(cardplane.Healthcheck{Command: []string{"no-such-command"}, Retries: 1}), "sleep", "1000")
	c = s.awaitHealth(c.ID, unhealthy)
	equal(s, "exit code of no program", c.Health.Results[0].ExitCode, cardplane.NoExitCode)
	equal(s, "output names it", strings.Contains(c.Health.Results[0].Output, "no-such-command"), true)
	c = s.running(checkedBy(cardplane.Healthcheck{Command: []string{"sleep", "1000"}, Timeout: 10 * time.Millisecond, Retries: 1}), "sleep", "1000")
	c = s.awaitHealth(c.ID, unhealthy)
	equal(s, "exit code of one that hangs", c.Health.Results[0].ExitCode, cardplane.NoExitCode)
	equal(s, "output tells why", strings.Contains(c.Health.Results[0].Output, "timeout"), true)
}

// What cannot become healthy is not waited for.
func (s *suite) healthWait() {
	c := s.running(nil, "sleep", "1000")
	equal(s, "health without a check", c.Health == nil, true)
	_, err := s.Containers.Wait(s.ctx, c.ID, cardplane.WaitHealthy)
	s.fails(err, apierr.FailedPrecondition, "no_healthcheck")
	c = s.running(func(spec *cardplane.ContainerSpec) { spec.Healthcheck = &cardplane.Healthcheck{Disabled: true} }, "sleep", "1000")
	_, err = s.Containers.Wait(s.ctx, c.ID, cardplane.WaitHealthy)
	s.fails(err, apierr.FailedPrecondition, "no_healthcheck")
	c = s.running(func(spec *cardplane.ContainerSpec) { spec.Healthcheck = &cardplane.Healthcheck{Shell: "exit 0"} }, "sleep", "1000")
	equal(s, "status at first", c.Health.Status, cardplane.HealthStarting)
	equal(s, "interval", c.Spec.Healthcheck.Interval, cardplane.DefaultHealthInterval)
	waited := s.waitFor(c.ID, cardplane.WaitHealthy)
	s.ok(s.Containers.Kill(s.ctx, c.ID, "KILL"))
	got := <-waited
	s.fails(got.err, apierr.FailedPrecondition, "container_not_running")
}
