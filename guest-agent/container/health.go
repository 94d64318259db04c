package container

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

const (
	// maxHealthResults and maxHealthChanges bound what is kept of probes.
	maxHealthResults = 5
	maxHealthChanges = 8
)

// prober runs a check's program once. It returns false where the result is not
// to count: ctx is done, or the container has ended.
type prober func(ctx context.Context) (guestapi.HealthResult, bool)

// health probes a container from its start to its end, save for pauses, and
// keeps what was found. It needs no controller. A nil health does nothing.
type health struct {
	check  guestapi.Healthcheck
	probe  prober
	exited <-chan struct{} // the container has
	news   news

	mu        sync.Mutex
	startedAt time.Time
	state     guestapi.Health
	cancel    context.CancelFunc // of the loop, nil when there is none
	ended     chan struct{}      // closed by the loop
	closed    bool
}

func newHealth(check guestapi.Healthcheck, probe prober, exited <-chan struct{}) *health {
	return &health{check: check, probe: probe, exited: exited, state: guestapi.Health{
		Status: guestapi.HealthStarting, Results: []guestapi.HealthResult{}, Changes: []guestapi.HealthStatus{},
	}}
}

// resume begins to probe, an interval from now.
func (h *health) resume() {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.cancel != nil {
		return
	}
	if h.startedAt.IsZero() {
		h.startedAt = time.Now()
	}
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel, h.ended = cancel, make(chan struct{})
	go h.loop(ctx, h.ended)
}

// suspend gives the probe up that is under way, and returns once nothing of it
// is left.
func (h *health) suspend() {
	if h == nil {
		return
	}
	h.mu.Lock()
	cancel, ended := h.cancel, h.ended
	h.cancel = nil
	h.mu.Unlock()
	if cancel != nil {
		cancel()
		<-ended
	}
}

// close is suspend, for good.
func (h *health) close() {
	if h == nil {
		return
	}
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.suspend()
}

func (h *health) loop(ctx context.Context, ended chan<- struct{}) {
	defer close(ended)
	for h.sleep(ctx) {
		result, counts := h.probe(ctx)
		if !counts {
			return
		}
		h.note(result)
	}
}

// sleep waits until the next probe is due. It returns false when there is none
// to come.
func (h *health) sleep(ctx context.Context) bool {
	timer := time.NewTimer(h.interval())
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-h.exited:
	}
	return false
}

func (h *health) interval() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state.Status == guestapi.HealthStarting && h.inStartPeriodLocked(time.Now()) {
		return seconds(h.check.StartIntervalSeconds)
	}
	return seconds(h.check.IntervalSeconds)
}

func (h *health) inStartPeriodLocked(t time.Time) bool {
	return t.Sub(h.startedAt) < seconds(h.check.StartPeriodSeconds)
}

// note adds a result.
func (h *health) note(result guestapi.HealthResult) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &h.state
	s.Probes++
	s.Results = newest(s.Results, result, maxHealthResults)
	switch {
	case result.ExitCode == 0:
		s.FailingStreak = 0
		h.becomeLocked(guestapi.HealthHealthy)
	case s.Status == guestapi.HealthStarting && h.inStartPeriodLocked(result.StartedAt):
	default:
		s.FailingStreak++
		if s.FailingStreak >= h.check.Retries {
			h.becomeLocked(guestapi.HealthUnhealthy)
		}
	}
	h.news.announce()
}

func (h *health) becomeLocked(status guestapi.HealthStatus) {
	if h.state.Status == status {
		return
	}
	h.state.Status = status
	h.state.Changed++
	h.state.Changes = newest(h.state.Changes, status, maxHealthChanges)
}

// newest returns a new slice of the last items of list, v included, at most
// most.
func newest[T any](list []T, v T, most int) []T {
	return slices.Concat(list[max(0, len(list)+1-most):], []T{v})
}

// wait returns the state once more than after probes have ended, the container
// has, or ctx is done.
func (h *health) wait(ctx context.Context, after int64) guestapi.Health {
	for {
		next := h.news.next()
		h.mu.Lock()
		state := h.state
		h.mu.Unlock()
		if state.Probes > after {
			return state
		}
		select {
		case <-next:
		case <-h.exited:
			return state
		case <-ctx.Done():
			return state
		}
	}
}

// Health returns what the health check of the container id has found, once
// more than after probes have ended, or it has exited, or ctx is done.
func (m *Manager) Health(ctx context.Context, id string, after int64) (guestapi.Health, error) {
	c, err := m.find(id)
	if err != nil {
		return guestapi.Health{}, err
	}
	if c.health == nil {
		return guestapi.Health{}, apierr.New(apierr.FailedPrecondition, "no_healthcheck", "%s was started without a health check", c.name)
	}
	return c.health.wait(ctx, after), nil
}

// seconds returns n seconds as a duration.
func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
