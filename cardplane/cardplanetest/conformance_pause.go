package cardplanetest

import (
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func (s *suite) restart() {
	c := s.running(nil, "sh", "-c", "echo run; sleep 1000")
	s.awaitOutput(c.ID, "run\n")
	again, err := s.Containers.Restart(s.ctx, c.ID, cardplane.StopOptions{})
	s.ok(err)
	equal(s, "state", again.State, cardplane.Running)
	equal(s, "restarts by policy", again.RestartCount, 0)
	equal(s, "is a new run", again.StartedAt.After(c.StartedAt), true)
	s.awaitOutput(c.ID, "run\nrun\n")

	ended := s.ended(nil, "true")
	again, err = s.Containers.Restart(s.ctx, ended.ID, cardplane.StopOptions{Timeout: time.Hour})
	s.ok(err)
	equal(s, "one that had ended has started", again.StartedAt.After(ended.StartedAt), true)

	_, err = s.Containers.Restart(s.ctx, "nonesuch", cardplane.StopOptions{})
	s.fails(err, apierr.NotFound, "container_not_found")
	_, err = s.Containers.Restart(s.ctx, c.ID, cardplane.StopOptions{Timeout: time.Hour, Signal: "SIGNONE"})
	s.fails(err, apierr.InvalidArgument, "invalid_signal")
}

// awaitOutput waits until the container's log is want.
func (s *suite) awaitOutput(id, want string) {
	s.t.Helper()
	reader, err := s.Containers.Logs(s.ctx, id, cardplane.LogOptions{Stdout: true, Tail: -1, Follow: true})
	s.ok(err)
	defer func() { _ = reader.Close() }()
	for got := ""; got != want; {
		record, err := reader.Next(s.ctx)
		s.ok(err)
		got += string(record.Data)
	}
}

// A container that removes itself at its end outlives a restart.
func (s *suite) restartAutoRemove() {
	c := s.running(func(spec *cardplane.ContainerSpec) { spec.AutoRemove = true }, "sleep", "1000")
	again, err := s.Containers.Restart(s.ctx, c.ID, cardplane.StopOptions{})
	s.ok(err)
	equal(s, "state", again.State, cardplane.Running)
	s.ok(s.Containers.Kill(s.ctx, c.ID, "KILL"))
	if _, err = s.Containers.Wait(s.ctx, c.ID, cardplane.WaitNotRunning); !apierr.Is(err, "container_not_found") {
		s.ok(err)
	}
	_, err = s.Containers.Get(s.ctx, c.ID)
	s.fails(err, apierr.NotFound, "container_not_found")
}

func (s *suite) pause() {
	c := s.running(nil, "sleep", "1000")
	_, err := s.Containers.Unpause(s.ctx, c.ID)
	s.fails(err, apierr.FailedPrecondition, "container_not_paused")
	c, err = s.Containers.Pause(s.ctx, c.ID)
	s.ok(err)
	equal(s, "state", c.State, cardplane.Paused)
	listed, err := s.Containers.List(s.ctx, cardplane.ContainerFilter{})
	s.ok(err)
	equal(s, "is among those that run", len(listed), 1)
	_, err = s.Containers.Pause(s.ctx, c.ID)
	s.fails(err, apierr.FailedPrecondition, "container_paused")
	_, err = s.Containers.Exec(s.ctx, c.ID, cardplane.ExecSpec{Command: []string{"true"}}, "")
	s.fails(err, apierr.FailedPrecondition, "container_paused")
	_, err = s.Containers.Start(s.ctx, c.ID)
	s.fails(err, apierr.FailedPrecondition, "container_already_running")
	s.fails(s.Containers.Remove(s.ctx, c.ID, false, ""), apierr.FailedPrecondition, "container_running")
	c, err = s.Containers.Unpause(s.ctx, c.ID)
	s.ok(err)
	equal(s, "state", c.State, cardplane.Running)
	_, err = s.Containers.Exec(s.ctx, c.ID, cardplane.ExecSpec{Command: []string{"true"}}, "")
	s.ok(err)

	created := s.newContainer(nil, "true")
	_, err = s.Containers.Pause(s.ctx, created.ID)
	s.fails(err, apierr.FailedPrecondition, "container_not_running")
	_, err = s.Containers.Unpause(s.ctx, created.ID)
	s.fails(err, apierr.FailedPrecondition, "container_not_running")
}

// Whatever ends a program ends a paused one too.
func (s *suite) pausedEnds() {
	for name, end := range map[string]func(id string) error{
		"stop": func(id string) error {
			_, err := s.Containers.Stop(s.ctx, id, cardplane.StopOptions{Timeout: time.Second})
			return err
		},
		"kill":    func(id string) error { return s.Containers.Kill(s.ctx, id, "KILL") },
		"removal": func(id string) error { return s.Containers.Remove(s.ctx, id, true, "") },
	} {
		c := s.running(nil, "sleep", "1000")
		_, err := s.Containers.Pause(s.ctx, c.ID)
		s.ok(err)
		s.ok(end(c.ID))
		got, err := s.Containers.Wait(s.ctx, c.ID, cardplane.WaitNotRunning)
		if name == "removal" && apierr.Is(err, "container_not_found") {
			continue
		}
		s.ok(err)
		equal(s, name+": state", got.State, cardplane.Exited)
	}
}

func (s *suite) rename() {
	c := s.running(nil, "sleep", "1000")
	other := s.newContainer(func(spec *cardplane.ContainerSpec) { spec.Name = "rename-other" }, "true")
	got, err := s.Containers.Rename(s.ctx, c.ID, "rename-new", "")
	s.ok(err)
	equal(s, "name", got.Name, "rename-new")
	equal(s, "name in the spec", got.Spec.Name, "rename-new")
	found, err := s.Containers.Get(s.ctx, "rename-new")
	s.ok(err)
	equal(s, "found by its new name", found.ID, c.ID)
	_, err = s.Containers.Get(s.ctx, c.Name)
	s.fails(err, apierr.NotFound, "container_not_found")
	_, err = s.Containers.Rename(s.ctx, c.ID, other.Name, "")
	s.fails(err, apierr.AlreadyExists, "name_taken")
	_, err = s.Containers.Rename(s.ctx, c.ID, "a/b", "")
	equal(s, "class of a bad name", apierr.ClassOf(err), apierr.InvalidArgument)
	equal(s, "field of a bad name", apierr.From(err).Field, "/name")
	// Who has read it before sees that it has changed.
	read, err := s.Containers.Get(s.ctx, other.ID)
	s.ok(err)
	again, err := s.Containers.Rename(s.ctx, other.ID, "rename-again", read.Revision)
	s.ok(err)
	_, err = s.Containers.Rename(s.ctx, other.ID, "rename-late", read.Revision)
	s.fails(err, apierr.FailedPrecondition, "revision_mismatch")
	read, err = s.Containers.Get(s.ctx, other.ID)
	s.ok(err)
	equal(s, "revision", read.Revision, again.Revision)
	// Its old name is free.
	_, err = s.Containers.Rename(s.ctx, other.ID, c.Name, "")
	s.ok(err)
}
