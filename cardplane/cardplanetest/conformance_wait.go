package cardplanetest

import (
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// waitConditions waits for an end that is to come of a container that has
// ended before, and then for its removal.
func (s *suite) waitConditions() {
	c := s.ended(nil, "sh", "-c", "exit 6")
	_, err := s.Containers.Wait(s.ctx, c.ID, "sometime")
	equal(s, "class of an unknown condition", apierr.ClassOf(err), apierr.InvalidArgument)
	done := s.waitFor(c.ID, cardplane.WaitNextExit)
	for over := false; !over; { // until the wait has seen one of the ends
		_, err := s.Containers.Start(s.ctx, c.ID)
		s.ok(err)
		_, err = s.Containers.Wait(s.ctx, c.ID, cardplane.WaitNotRunning)
		s.ok(err)
		select {
		case got := <-done:
			s.ok(got.err)
			equal(s, "exit code", got.c.ExitCode, 6)
			over = true
		default:
		}
	}
	done = s.waitFor(c.ID, cardplane.WaitRemoved)
	s.ok(s.Containers.Remove(s.ctx, c.ID, false, ""))
	if got := <-done; !apierr.Is(got.err, "container_not_found") { // it may have come late
		s.ok(got.err)
	}
}

// waited is what a Wait has returned.
type waited struct {
	c   cardplane.Container
	err error
}

// waitFor begins to wait.
func (s *suite) waitFor(id string, until cardplane.WaitCondition) <-chan waited {
	done := make(chan waited, 1)
	go func() {
		c, err := s.Containers.Wait(s.ctx, id, until)
		done <- waited{c, err}
	}()
	return done
}

// prune removes what does not run, and of that only what is asked for.
func (s *suite) prune() {
	label := func(value string) func(*cardplane.ContainerSpec) {
		return func(spec *cardplane.ContainerSpec) { spec.Labels = map[string]string{"prune": value} }
	}
	created, ended := s.newContainer(label("a"), "true"), s.ended(label("a"), "echo", "some output")
	other, running := s.newContainer(label("b"), "true"), s.running(label("a"), "sleep", "1000")
	check := func(filter cardplane.PruneFilter, want ...string) cardplane.Pruned {
		s.t.Helper()
		got, err := s.Containers.Prune(s.ctx, filter)
		s.ok(err)
		equal(s, "removed", strings.Join(got.IDs, " "), strings.Join(want, " "))
		return got
	}
	check(cardplane.PruneFilter{Until: created.CreatedAt})
	check(cardplane.PruneFilter{Labels: []string{"prune=c"}})
	pruned := check(cardplane.PruneFilter{Labels: []string{"prune=a"}, Until: running.CreatedAt.AddDate(1, 0, 0)}, created.ID, ended.ID)
	equal(s, "something was reclaimed", pruned.Bytes > 0, true)
	check(cardplane.PruneFilter{}, other.ID)
	_, err := s.Containers.Get(s.ctx, running.ID)
	s.ok(err)
}
