package cardplanetest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func (s *suite) create() {
	c := s.newContainer(func(spec *cardplane.ContainerSpec) {
		spec.Name = "create-test"
		spec.Labels = map[string]string{"k": "v"}
	}, "true")
	equal(s, "state", c.State, cardplane.Created)
	equal(s, "name", c.Name, "create-test")
	equal(s, "length of id", len(c.ID), 32)
	equal(s, "label", c.Spec.Labels["k"], "v")
	equal(s, "sha256", strings.HasPrefix(c.ImageID, "sha256:"), true)

	_, err := s.Containers.Create(s.ctx, cardplane.ContainerSpec{Image: s.Image, Name: "create-test"}, "")
	s.fails(err, apierr.AlreadyExists, "name_taken")
	_, err = s.Containers.Create(s.ctx, cardplane.ContainerSpec{Image: "no/such/image"}, "")
	s.fails(err, apierr.NotFound, "image_not_found")
	_, err = s.Containers.Create(s.ctx, cardplane.ContainerSpec{Image: s.Image, Resources: cardplane.Resources{MemoryBytes: 1}}, "")
	equal(s, "class of too little memory", apierr.ClassOf(err), apierr.InvalidArgument)
	equal(s, "field", apierr.From(err).Field, "/resources/memoryBytes")

	made := s.newContainer(nil, "true")
	equal(s, "a name is made up", made.Name != "", true)
}

func (s *suite) idempotency() {
	spec := cardplane.ContainerSpec{Image: s.Image, Command: []string{"true"}}
	first, err := s.Containers.Create(s.ctx, spec, "key-1")
	s.ok(err)
	repeat := func(when string) {
		again, err := s.Containers.Create(s.ctx, spec, "key-1")
		s.ok(err)
		equal(s, "id "+when, again.ID, first.ID)
		equal(s, "state "+when, again.State, cardplane.Created)
		equal(s, "revision "+when, again.Revision, first.Revision)
	}
	repeat("at once")
	_, err = s.Containers.Start(s.ctx, first.ID)
	s.ok(err)
	_, err = s.Containers.Wait(s.ctx, first.ID, cardplane.WaitNotRunning)
	s.ok(err)
	repeat("after the end")
	s.ok(s.Containers.Remove(s.ctx, first.ID, false, ""))
	repeat("after the removal")
	_, err = s.Containers.Get(s.ctx, first.ID)
	s.fails(err, apierr.NotFound, "container_not_found")
	spec.Command = []string{"false"}
	_, err = s.Containers.Create(s.ctx, spec, "key-1")
	s.fails(err, apierr.FailedPrecondition, "idempotency_key_reused")
	// What fails uses no key up.
	_, err = s.Containers.Create(s.ctx, cardplane.ContainerSpec{Image: "no/such/image"}, "key-2")
	s.fails(err, apierr.NotFound, "image_not_found")
	second, err := s.Containers.Create(s.ctx, spec, "key-2")
	s.ok(err)
	s.ok(s.Containers.Remove(s.ctx, second.ID, false, ""))
}

// idempotencyAtOnce creates with one key from many sides at once.
func (s *suite) idempotencyAtOnce() {
	const callers = 8
	spec := cardplane.ContainerSpec{Image: s.Image, Command: []string{"sleep", "1000"}, Labels: map[string]string{"at": "once"}}
	ids := make(chan string, callers)
	for range callers {
		go func() {
			c, err := s.Containers.Create(s.ctx, spec, "at-once")
			if err != nil {
				s.t.Error(err)
			}
			ids <- c.ID
		}()
	}
	first := <-ids
	for range callers - 1 {
		equal(s, "id", <-ids, first)
	}
	all, err := s.Containers.List(s.ctx, cardplane.ContainerFilter{All: true, Labels: []string{"at=once"}})
	s.ok(err)
	equal(s, "containers", len(all), 1)
	s.t.Cleanup(func() { _ = s.Containers.Remove(context.Background(), first, true, "") })
}

func (s *suite) execIdempotency() {
	c := s.running(nil, "sleep", "1000")
	spec := cardplane.ExecSpec{Command: []string{"true"}}
	first, err := s.Containers.Exec(s.ctx, c.ID, spec, "key-1")
	s.ok(err)
	session, err := s.Containers.AttachExec(s.ctx, c.ID, first.ID)
	s.ok(err)
	s.drain(session)
	s.ok(session.Close())
	again, err := s.Containers.Exec(s.ctx, c.ID, spec, "key-1")
	s.ok(err)
	equal(s, "id of the repeated exec", again.ID, first.ID)
	equal(s, "running, as it was at first", again.Running, true)
	_, err = s.Containers.Exec(s.ctx, c.ID, cardplane.ExecSpec{Command: []string{"false"}}, "key-1")
	s.fails(err, apierr.FailedPrecondition, "idempotency_key_reused")
	_, err = s.Containers.Exec(s.ctx, c.ID, cardplane.ExecSpec{Command: []string{"no-such-program"}}, "key-2")
	equal(s, "class of a bad command", apierr.ClassOf(err), apierr.InvalidArgument)
	_, err = s.Containers.Exec(s.ctx, c.ID, spec, "key-2")
	s.ok(err)
	other := s.running(nil, "sleep", "1000")
	elsewhere, err := s.Containers.Exec(s.ctx, other.ID, spec, "key-1")
	s.ok(err)
	equal(s, "an exec of another container is another", elsewhere.ID != first.ID, true)
}

func (s *suite) references() {
	c := s.newContainer(nil, "true")
	for _, ref := range []string{c.ID, c.Name, c.ID[:12]} {
		got, err := s.Containers.Get(s.ctx, ref)
		s.ok(err)
		equal(s, ref, got.ID, c.ID)
	}
	for _, ref := range []string{"nonesuch", "a/b", "ö%20?#"} {
		_, err := s.Containers.Get(s.ctx, ref)
		s.fails(err, apierr.NotFound, "container_not_found")
	}
	// Among 17 containers, two share their first digit.
	seen := map[string]bool{c.ID[:1]: true}
	for {
		next := s.newContainer(nil, "true").ID[:1]
		if seen[next] {
			_, err := s.Containers.Get(s.ctx, next)
			equal(s, "code", apierr.Is(err, "ambiguous_id"), true)
			return
		}
		seen[next] = true
	}
}

func (s *suite) list() {
	var ids []string
	for _, label := range []string{"a", "b", "a"} {
		ids = append(ids, s.newContainer(func(spec *cardplane.ContainerSpec) { spec.Labels = map[string]string{"group": label} }, "true").ID)
	}
	check := func(filter cardplane.ContainerFilter, want ...string) {
		s.t.Helper()
		got, err := s.Containers.List(s.ctx, filter)
		s.ok(err)
		var names []string
		for _, c := range got {
			names = append(names, c.ID)
		}
		equal(s, "list", strings.Join(names, " "), strings.Join(want, " "))
	}
	check(cardplane.ContainerFilter{})
	check(cardplane.ContainerFilter{All: true}, ids...)
	check(cardplane.ContainerFilter{All: true, Labels: []string{"group=a"}}, ids[0], ids[2])
	check(cardplane.ContainerFilter{All: true, Labels: []string{"group"}}, ids...)
	check(cardplane.ContainerFilter{All: true, Labels: []string{"group=a", "group=b"}})
	named := s.newContainer(func(spec *cardplane.ContainerSpec) { spec.Name = "list-test-1" }, "true").ID
	check(cardplane.ContainerFilter{All: true, Names: []string{"list-test-*", "nothing"}}, named)
	check(cardplane.ContainerFilter{All: true, Names: []string{"list-test"}})
	check(cardplane.ContainerFilter{States: []cardplane.State{cardplane.Created}, Labels: []string{"group=b"}}, ids[1])
	check(cardplane.ContainerFilter{All: true, States: []cardplane.State{cardplane.Running, cardplane.Failed}})
}

func (s *suite) run() {
	c := s.newContainer(nil, "sh", "-c", "echo out; echo err >&2; exit 7")
	session, err := s.Containers.Attach(s.ctx, c.ID, cardplane.AttachOptions{Replay: true})
	s.ok(err)
	defer func() { _ = session.Close() }()
	_, err = s.Containers.Start(s.ctx, c.ID)
	s.ok(err)
	stdout, stderr, code := s.drain(session)
	equal(s, "stdout", stdout, "out\n")
	equal(s, "stderr", stderr, "err\n")
	equal(s, "exit code", code, 7)
	got, err := s.Containers.Wait(s.ctx, c.ID, cardplane.WaitNotRunning)
	s.ok(err)
	equal(s, "state", got.State, cardplane.Exited)
	equal(s, "exit code", got.ExitCode, 7)
	equal(s, "reason", got.EndReason, cardplane.EndExited)
	equal(s, "finished", got.FinishedAt.Before(got.StartedAt) || got.StartedAt.Before(got.CreatedAt), false)
	equal(s, "guest is described", got.Guest != nil && got.Guest.Kernel != "" && got.Guest.BootID != "", true)
}

func (s *suite) spec() {
	c := s.ended(func(spec *cardplane.ContainerSpec) { spec.Env = map[string]string{"COLOUR": "grün"} }, "env")
	equal(s, "environment has COLOUR", strings.Contains(s.output(c.ID), "COLOUR=grün\n"), true)
	c = s.ended(func(spec *cardplane.ContainerSpec) { spec.Entrypoint = []string{"echo", "a"} }, "b")
	equal(s, "entrypoint and command", s.output(c.ID), "a b\n")
	c = s.ended(func(spec *cardplane.ContainerSpec) { spec.Entrypoint, spec.Command = []string{"echo", "only"}, nil })
	equal(s, "entrypoint alone", s.output(c.ID), "only\n")
}

func (s *suite) startAgain() {
	c := s.ended(nil, "echo", "again")
	_, err := s.Containers.Start(s.ctx, c.ID)
	s.ok(err)
	_, err = s.Containers.Wait(s.ctx, c.ID, cardplane.WaitNotRunning)
	s.ok(err)
	equal(s, "log of both runs", s.output(c.ID), "again\nagain\n")

	c = s.running(nil, "sleep", "1000")
	_, err = s.Containers.Start(s.ctx, c.ID)
	s.fails(err, apierr.FailedPrecondition, "container_already_running")
}

func (s *suite) startFailures() {
	for command, code := range map[string]string{"no-such-program": "command_not_found", "/etc/passwd": "command_not_executable"} {
		c := s.newContainer(nil, command)
		session, err := s.Containers.Attach(s.ctx, c.ID, cardplane.AttachOptions{Replay: true})
		s.ok(err)
		_, err = s.Containers.Start(s.ctx, c.ID)
		equal(s, code, apierr.Is(err, code), true)
		got, err := s.Containers.Get(s.ctx, c.ID)
		s.ok(err)
		equal(s, "state", got.State, cardplane.Failed)
		equal(s, "reason", got.EndReason, cardplane.EndStartFailed)
		equal(s, "recorded error", got.Error != nil && got.Error.Code == code, true)
		for err == nil {
			_, err = session.Recv(s.ctx)
		}
		_, err = session.ExitCode()
		equal(s, "session's error", apierr.Is(err, code), true)
		s.ok(session.Close())
	}
}

func (s *suite) stopAndKill() {
	c := s.running(nil, "sleep", "1000")
	got, err := s.Containers.Stop(s.ctx, c.ID, cardplane.StopOptions{Timeout: 0})
	s.ok(err)
	equal(s, "state", got.State, cardplane.Exited)
	got, err = s.Containers.Stop(s.ctx, c.ID, cardplane.StopOptions{Timeout: time.Hour})
	s.ok(err)
	equal(s, "state after a second stop", got.State, cardplane.Exited)

	c = s.running(nil, "sleep", "1000")
	s.fails(s.Containers.Kill(s.ctx, c.ID, "SIGNONE"), apierr.InvalidArgument, "invalid_signal")
	s.ok(s.Containers.Kill(s.ctx, c.ID, ""))
	got, err = s.Containers.Wait(s.ctx, c.ID, cardplane.WaitNotRunning)
	s.ok(err)
	equal(s, "exit code of a killed program", got.ExitCode, 137)
	equal(s, "reason of its end", got.EndReason, cardplane.EndSignaled)
	equal(s, "its signal", got.Signal, 9)
	s.fails(s.Containers.Kill(s.ctx, c.ID, "TERM"), apierr.FailedPrecondition, "container_not_running")
}

func (s *suite) wait() {
	c := s.running(func(spec *cardplane.ContainerSpec) { spec.Stdin = true }, "cat")
	done := s.waitFor(c.ID, cardplane.WaitNotRunning)
	s.ok(s.Containers.Kill(s.ctx, c.ID, "KILL"))
	got := <-done
	s.ok(got.err)
	equal(s, "state", got.c.State, cardplane.Exited)
	_, err := s.Containers.Wait(s.ctx, "nonesuch", cardplane.WaitNotRunning)
	s.fails(err, apierr.NotFound, "container_not_found")
}

func (s *suite) remove() {
	c := s.running(nil, "sleep", "1000")
	s.fails(s.Containers.Remove(s.ctx, c.ID, false, ""), apierr.FailedPrecondition, "container_running")
	s.ok(s.Containers.Remove(s.ctx, c.ID, true, ""))
	_, err := s.Containers.Get(s.ctx, c.ID)
	s.fails(err, apierr.NotFound, "container_not_found")
	s.fails(s.Containers.Remove(s.ctx, c.ID, true, ""), apierr.NotFound, "container_not_found")
}

// Nothing is killed or removed that somebody has changed meanwhile.
func (s *suite) removeChanged() {
	c := s.running(nil, "sleep", "1000")
	read, err := s.Containers.Get(s.ctx, c.ID)
	s.ok(err)
	_, err = s.Containers.Rename(s.ctx, c.ID, "remove-changed", "")
	s.ok(err)
	s.fails(s.Containers.Remove(s.ctx, c.ID, true, read.Revision), apierr.FailedPrecondition, "revision_mismatch")
	now, err := s.Containers.Get(s.ctx, c.ID)
	s.ok(err)
	equal(s, "state", now.State, cardplane.Running)
	s.ok(s.Containers.Remove(s.ctx, c.ID, true, now.Revision))
}

func (s *suite) autoRemove() {
	events, err := s.Events.Events(s.ctx, cardplane.EventOptions{Since: -1, Follow: true})
	s.ok(err)
	defer func() { _ = events.Close() }()
	c := s.newContainer(func(spec *cardplane.ContainerSpec) { spec.AutoRemove = true }, "sh", "-c", "exit 5")
	session, err := s.Containers.Attach(s.ctx, c.ID, cardplane.AttachOptions{Replay: true})
	s.ok(err)
	defer func() { _ = session.Close() }()
	_, err = s.Containers.Start(s.ctx, c.ID)
	s.ok(err)
	_, _, code := s.drain(session)
	equal(s, "exit code", code, 5)
	for {
		event, err := events.Next(s.ctx)
		s.ok(err)
		if event.Type == cardplane.ContainerRemoved && event.Subject == c.ID {
			break
		}
	}
	_, err = s.Containers.Get(s.ctx, c.ID)
	s.fails(err, apierr.NotFound, "container_not_found")
}

func (s *suite) notRunning() {
	c := s.newContainer(nil, "true")
	s.fails(s.Containers.Kill(s.ctx, c.ID, ""), apierr.FailedPrecondition, "container_not_running")
	s.fails(s.Containers.Resize(s.ctx, c.ID, cardplane.TerminalSize{Rows: 1, Cols: 1}), apierr.FailedPrecondition, "container_not_running")
	_, err := s.Containers.Exec(s.ctx, c.ID, cardplane.ExecSpec{Command: []string{"true"}}, "")
	s.fails(err, apierr.FailedPrecondition, "container_not_running")
}

// A caller that goes away gets its context's error.
func (s *suite) cancellation() {
	c := s.running(nil, "sleep", "1000")
	ctx, cancel := context.WithCancel(s.ctx)
	session, err := s.Containers.Attach(s.ctx, c.ID, cardplane.AttachOptions{})
	s.ok(err)
	defer func() { _ = session.Close() }()
	cancel()
	_, err = s.Containers.Wait(ctx, c.ID, cardplane.WaitNotRunning)
	equal(s, "wait", errors.Is(err, context.Canceled), true)
	_, err = session.Recv(ctx)
	equal(s, "recv", errors.Is(err, context.Canceled), true)
}
