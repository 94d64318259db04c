package container

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cardplane/cardplane/openapi/guestapi"
)

// What results make of a status, as Docker has it.
func TestHealthStatus(t *testing.T) {
	const minute = 60
	for _, tt := range []struct {
		name                 string
		retries, startPeriod int
		codes                []int // at 30 s, 60 s, 90 s, …
		want                 []guestapi.HealthStatus
		streak               int
	}{
		{name: "nothing yet", retries: 3},
		{name: "first success", retries: 3, codes: []int{0}, want: []guestapi.HealthStatus{"healthy"}},
		{name: "too few failures", retries: 3, codes: []int{1, 2}, streak: 2},
		{name: "enough failures", retries: 3, codes: []int{1, -1, 3}, want: []guestapi.HealthStatus{"unhealthy"}, streak: 3},
		{name: "a success between failures", retries: 2, codes: []int{1, 0, 1}, want: []guestapi.HealthStatus{"healthy"}, streak: 1},
		{name: "back and forth", retries: 1, codes: []int{0, 0, 1, 1, 0}, want: []guestapi.HealthStatus{"healthy", "unhealthy", "healthy"}},
		{name: "failures in the start period", retries: 1, startPeriod: 2 * minute, codes: []int{1, 1, 1}},
		{name: "the period's end", retries: 1, startPeriod: minute, codes: []int{1, 1}, want: []guestapi.HealthStatus{"unhealthy"}, streak: 1},
		{name: "a failure after a success in the start period", retries: 1, startPeriod: 5 * minute, codes: []int{0, 1}, want: []guestapi.HealthStatus{"healthy", "unhealthy"}, streak: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHealth(guestapi.Healthcheck{Retries: tt.retries, StartPeriodSeconds: float64(tt.startPeriod)}, nil, nil)
			h.startedAt = time.Now()
			for i, code := range tt.codes {
				h.note(guestapi.HealthResult{StartedAt: h.startedAt.Add(time.Duration(i+1) * 30 * time.Second), ExitCode: code})
			}
			got := h.wait(t.Context(), -1)
			last := guestapi.HealthStarting
			if len(tt.want) > 0 {
				last = tt.want[len(tt.want)-1]
			}
			if got.Status != last || got.FailingStreak != tt.streak || !slices.Equal(got.Changes, tt.want) || got.Changed != int64(len(tt.want)) || got.Probes != int64(len(tt.codes)) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// The newest results and changes are kept, and what was handed out does not
// change.
func TestHealthIsBounded(t *testing.T) {
	h := newHealth(guestapi.Healthcheck{Retries: 1}, nil, nil)
	first := h.wait(t.Context(), -1)
	for i := range 100 {
		h.note(guestapi.HealthResult{ExitCode: i % 2, Output: fmt.Sprint(i)})
	}
	got := h.wait(t.Context(), 99)
	if len(got.Results) != maxHealthResults || got.Results[4].Output != "99" || got.Results[0].Output != "95" {
		t.Errorf("results %+v", got.Results)
	}
	if len(got.Changes) != maxHealthChanges || got.Changed != 100 || got.Changes[7] != guestapi.HealthUnhealthy {
		t.Errorf("changes %+v", got)
	}
	if len(first.Results)+len(first.Changes) > 0 || first.Status != guestapi.HealthStarting {
		t.Errorf("first %+v", first)
	}
}

// In the start period the interval is another one, until the first success.
func TestHealthInterval(t *testing.T) {
	h := newHealth(guestapi.Healthcheck{Retries: 1, IntervalSeconds: 30, StartIntervalSeconds: 5, StartPeriodSeconds: 3600}, nil, nil)
	h.startedAt = time.Now()
	if got := h.interval(); got != 5*time.Second {
		t.Errorf("at first %s", got)
	}
	h.note(guestapi.HealthResult{StartedAt: time.Now()})
	if got := h.interval(); got != 30*time.Second {
		t.Errorf("after a success %s", got)
	}
	h = newHealth(guestapi.Healthcheck{Retries: 1, IntervalSeconds: 30, StartIntervalSeconds: 5}, nil, nil)
	h.startedAt = time.Now()
	if got := h.interval(); got != 30*time.Second {
		t.Errorf("without a start period %s", got)
	}
}

// Who waits is answered by a result, by the container's end, and by its own.
func TestHealthWait(t *testing.T) {
	exited := make(chan struct{})
	h := newHealth(guestapi.Healthcheck{Retries: 1}, nil, exited)
	got := make(chan guestapi.Health, 1)
	go func() { got <- h.wait(context.Background(), 0) }()
	h.note(guestapi.HealthResult{ExitCode: 1})
	if state := <-got; state.Probes != 1 {
		t.Errorf("got %+v", state)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if state := h.wait(ctx, 1); state.Probes != 1 {
		t.Errorf("got %+v", state)
	}
	close(exited)
	if state := h.wait(t.Context(), 1); state.Probes != 1 {
		t.Errorf("got %+v", state)
	}
}
