package container

import (
	"cmp"
	"context"
	"slices"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// knowExecs waits until the execs are known of a run that an earlier control
// plane has begun, so that who comes back from that one finds its exec.
func (e *entry) knowExecs(ctx context.Context) error {
	if _, r := e.active(); r == nil || !r.recovered {
		return nil
	}
	if _, err := e.runningRun(ctx); !apierr.Is(err, "container_not_running") {
		return err
	}
	return nil
}

// lookupExec finds an exec of the container's present or last run.
func (s *Service) lookupExec(ctx context.Context, ref, id string) (*entry, *exec, error) {
	e, err := s.lookup(ref)
	if err == nil {
		err = e.knowExecs(ctx)
	}
	if err != nil {
		return nil, nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if x := e.execs[id]; x != nil {
		return e, x, nil
	}
	return nil, nil, apierr.New(apierr.NotFound, "exec_not_found",
		"container %s has no exec %q; it may have ended long ago", e.rec.Container.Name, id)
}

// ListExecs implements [cardplane.ContainerService].
func (s *Service) ListExecs(ctx context.Context, ref string) ([]cardplane.Exec, error) {
	e, err := s.lookup(ref)
	if err == nil {
		err = e.knowExecs(ctx)
	}
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []cardplane.Exec
	for _, x := range e.execs {
		list = append(list, x.info)
	}
	slices.SortFunc(list, func(a, b cardplane.Exec) int {
		return cmp.Or(a.StartedAt.Compare(b.StartedAt), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

// GetExec implements [cardplane.ContainerService].
func (s *Service) GetExec(ctx context.Context, ref, execID string) (cardplane.Exec, error) {
	e, x, err := s.lookupExec(ctx, ref, execID)
	if err != nil {
		return cardplane.Exec{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return x.info, nil
}

// ResizeExec implements [cardplane.ContainerService].
func (s *Service) ResizeExec(ctx context.Context, ref, execID string, size cardplane.TerminalSize) error {
	e, x, err := s.lookupExec(ctx, ref, execID)
	if err != nil {
		return err
	}
	return e.notRunning(x.run.command(ctx, func(ctx context.Context) error {
		return x.run.sb.Guest().ResizeExec(ctx, e.id, execID, terminalSize(size))
	}))
}

// AttachExec implements [cardplane.ContainerService].
func (s *Service) AttachExec(ctx context.Context, ref, execID string) (cardplane.Session, error) {
	e, x, err := s.lookupExec(ctx, ref, execID)
	if err != nil {
		return nil, err
	}
	return newExecSession(e, x), nil
}
