package cardplanetest

import (
	"context"
	"errors"
	"io"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// session is an attachment to a process, or to a container that has none yet.
// Memory.mu guards it.
type session struct {
	m         *Memory
	ctx       context.Context
	cancel    context.CancelFunc
	container *container // nil for an exec
	present   func() *process
	joined    *process // the process once it is known
	next      *int     // index of the next output in joined.output
	stdin     bool
	replay    bool
}

var errClosed = errors.New("the session is closed")

func newSession(m *Memory, present func() *process) *session {
	ctx, cancel := context.WithCancel(context.Background())
	return &session{m: m, ctx: ctx, cancel: cancel, present: present, next: new(int)}
}

func (s *containerService) Attach(_ context.Context, ref string, opts cardplane.AttachOptions) (cardplane.Session, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err != nil {
		return nil, err
	}
	before := c.process
	active := c.State.Active()
	out := newSession(m, func() *process {
		if !active && c.process == before {
			return nil
		}
		return c.process
	})
	out.container, out.stdin, out.replay = c, opts.Stdin, opts.Replay
	if active && before != nil && !opts.Replay {
		*out.next = len(before.output)
	}
	out.joinLocked()
	return out, nil
}

// joinLocked notes the process once there is one.
func (s *session) joinLocked() bool {
	if s.joined != nil {
		return true
	}
	s.joined = s.present()
	if s.joined != nil && s.stdin {
		s.joined.owner = s
	}
	return s.joined != nil
}

// overLocked reports whether there will be no process to join.
func (s *session) overLocked() bool {
	return s.container != nil && (s.container.removed || s.container.State == cardplane.Failed)
}

func (s *session) Recv(ctx context.Context) (cardplane.Output, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	err := s.m.untilLocked(ctx, func() bool {
		if s.ctx.Err() != nil {
			return true
		}
		if !s.joinLocked() {
			return s.overLocked()
		}
		return s.joined.ended || *s.next < len(s.joined.output)
	})
	switch {
	case err != nil:
		return cardplane.Output{}, err
	case s.ctx.Err() != nil:
		return cardplane.Output{}, errClosed
	case s.joined == nil || *s.next >= len(s.joined.output):
		return cardplane.Output{}, io.EOF
	}
	output := s.joined.output[*s.next]
	*s.next++
	return output, nil
}

func (s *session) ExitCode() (int, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	switch {
	case s.joined != nil && s.joined.ended:
		return s.joined.exitCode, nil
	case s.container != nil && s.container.Error != nil:
		return 0, s.container.Error
	case s.container != nil && s.container.removed:
		return 0, apierr.New(apierr.NotFound, "container_not_found", "container %s was removed before it was started", s.container.Name)
	}
	return 0, apierr.New(apierr.FailedPrecondition, "still_running", "the process has not ended")
}

func (s *session) Write(data []byte) (int, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if !s.stdin {
		return 0, apierr.New(apierr.FailedPrecondition, "stdin_not_attached", "this attachment did not take stdin")
	}
	written := 0
	for written < len(data) {
		err := s.m.untilLocked(s.ctx, func() bool {
			if !s.joinLocked() {
				return s.overLocked()
			}
			return s.joined.ended || s.joined.stdinEOF || s.joined.owner != s || len(s.joined.stdin) < stdinBuffer
		})
		if err != nil || s.joined == nil || s.joined.ended || s.joined.stdinEOF {
			return written, io.ErrClosedPipe
		}
		if s.joined.owner != s {
			return written, apierr.New(apierr.FailedPrecondition, "stdin_taken", "another attachment has taken stdin")
		}
		n := min(len(data)-written, stdinBuffer-len(s.joined.stdin))
		s.joined.stdin = append(s.joined.stdin, data[written:written+n]...)
		written += n
		s.m.notifyLocked()
	}
	return written, nil
}

func (s *session) CloseStdin() error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	err := s.m.untilLocked(s.ctx, func() bool { return s.joinLocked() || s.overLocked() })
	if err == nil && s.joined != nil && s.joined.owner == s {
		s.joined.stdinEOF = true
		s.m.notifyLocked()
	}
	return err
}

func (s *session) Resize(ctx context.Context, size cardplane.TerminalSize) error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if err := s.m.untilLocked(ctx, func() bool { return s.joinLocked() || s.overLocked() }); err != nil {
		return err
	}
	if s.joined == nil {
		return apierr.New(apierr.FailedPrecondition, "container_not_running", "the container does not run")
	}
	return s.joined.resizeLocked(size)
}

func (s *session) Close() error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.cancel()
	s.m.notifyLocked()
	return nil
}
