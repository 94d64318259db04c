package container

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/cardplane/ocispec"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

const (
	// maxEnded bounds how many execs that have ended are remembered in a
	// container, with what is left of their output in the guest.
	maxEnded = 32
	// execDrainTimeout bounds how long a container's end waits for those who
	// are attached to its execs.
	execDrainTimeout = 5 * time.Second
)

// exec is a further process in a container.
type exec struct {
	run  *run
	spec cardplane.ExecSpec // what is not in info: TTY and Stdin
	done chan struct{}      // closed when it has ended, or its run has

	// Guarded by entry.mu.
	sessions map[*execSession]bool
	info     cardplane.Exec
	lost     bool      // the run ended first, so there is no exit code
	endAt    time.Time // when it ended
	outputs  execOutputs
}

// Exec implements [cardplane.ContainerService].
func (s *Service) Exec(ctx context.Context, ref string, spec cardplane.ExecSpec) (cardplane.Exec, error) {
	e, err := s.lookup(ref)
	if err != nil {
		return cardplane.Exec{}, err
	}
	if err := checkExec(spec); err != nil {
		return cardplane.Exec{}, err
	}
	r, err := e.runningRun(ctx)
	if err != nil {
		return cardplane.Exec{}, err
	}
	process, err := r.execProcess(ctx, spec)
	if err != nil {
		return cardplane.Exec{}, err
	}
	return r.startExec(ctx, spec, process)
}

// startExec has the agent start process and makes it known.
func (r *run) startExec(ctx context.Context, spec cardplane.ExecSpec, process *specs.Process) (cardplane.Exec, error) {
	s, e := r.svc, r.e
	info := cardplane.Exec{ID: newID(execBytes), ContainerID: e.id, Command: spec.Command, Running: true}
	x := &exec{run: r, spec: spec, done: make(chan struct{}), sessions: make(map[*execSession]bool), info: info}
	// A call that is cut must not leave a process that nobody knows.
	saved := store.Exec{ID: info.ID, Command: spec.Command, TTY: spec.TTY, Stdin: spec.Stdin}
	if err := s.cfg.Store.SaveExec(e.id, saved); err != nil {
		return cardplane.Exec{}, err
	}
	var watch *guestclient.ExecWatch
	err := r.command(ctx, func(ctx context.Context) (err error) {
		watch, err = r.sb.Guest().PutExec(r.ctx, ctx, e.id, info.ID, guestapi.ExecConfig{
			Process: *process, Terminal: terminalSize(spec.TerminalSize), Stdin: stdinMode(spec.Stdin),
		})
		return err
	})
	if err != nil {
		r.undoExec(info.ID, err)
		return cardplane.Exec{}, e.notRunning(err)
	}
	x.outputs.watched = true
	r.addExec(x, watch, func() {
		s.publish(cardplane.ExecStarted, e.id, e.snapshot().Name, map[string]string{"exec": info.ID, "command": spec.Command[0]})
	})
	return info, nil
}

// undoExec forgets an exec whose start gave err. Where that does not say
// whether it runs, it is killed first, once the guest can be reached.
func (r *run) undoExec(id string, err error) {
	if guestclient.Refused(err) {
		r.forgetExec(id)
		return
	}
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	if !r.over {
		r.execs.Go(func() { r.dropExec(id) })
	}
}

// dropExec kills and forgets an exec that nobody knows. One that is left when
// the control plane ends is the next one's to list.
func (r *run) dropExec(id string) {
	for retry := guestclient.NewBackoff(); ; {
		err := r.sb.Guest().DeleteExec(r.ctx, r.e.id, id, true)
		if r.ctx.Err() == nil && (err == nil || guestclient.Permanent(err)) {
			r.forgetExec(id)
			return
		}
		if retry.Wait(r.ctx) != nil {
			return
		}
	}
}

func checkExec(spec cardplane.ExecSpec) error {
	if len(spec.Command) == 0 || spec.Command[0] == "" {
		return invalid("/command", "missing_command", "the field \"command\" is empty; name a program")
	}
	if err := checkStrings("/command", spec.Command); err != nil {
		return err
	}
	if err := checkEnv("/env", spec.Env); err != nil {
		return err
	}
	if err := checkStrings("/user", []string{spec.User}); err != nil {
		return err
	}
	return checkWorkingDir(spec.WorkingDir)
}

// execProcess builds the process of an exec from the container's first.
func (r *run) execProcess(ctx context.Context, spec cardplane.ExecSpec) (*specs.Process, error) {
	base, err := r.firstProcess(ctx)
	if err != nil {
		return nil, err
	}
	user := base.User
	if spec.User != "" {
		user, err = r.svc.cfg.Images.ResolveUser(ctx, r.e.snapshot().ImageID, spec.User)
		if err != nil {
			return nil, apierr.From(err).At("/user")
		}
	}
	return ocispec.Exec(base, spec, user), nil
}

// firstProcess returns the container's first process.
func (r *run) firstProcess(ctx context.Context) (*specs.Process, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process == nil {
		spec, err := r.svc.buildSpec(ctx, r.e.snapshot())
		if err != nil {
			return nil, err
		}
		r.process = spec.Process
	}
	return r.process, nil
}

func (r *run) setProcess(p *specs.Process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.process = p
}

// addExec makes x known and watches it until it ends, after announce, which
// writes to disk and need not be waited for.
func (r *run) addExec(x *exec, watch *guestclient.ExecWatch, announce func()) {
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	r.e.execs[x.info.ID] = x
	if r.over {
		x.info.Running, x.lost = false, true
		close(x.done)
		if watch != nil {
			watch.Close()
		}
		return
	}
	r.execs.Go(func() {
		announce()
		r.watchExec(x, watch)
	})
}

// drainExecs gives those who are attached to execs the time to get what these
// have left when the container has ended, and with it all its processes.
func (r *run) drainExecs() {
	grace := r.svc.newGrace(r.sb, execDrainTimeout)
	for _, ended := range r.execEnds() {
		if grace.wait(r.ctx, ended) != nil {
			return
		}
	}
}

// execEnds returns channels that are closed when execs have ended and when
// attachments to them have taken all output.
func (r *run) execEnds() []<-chan struct{} {
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	var ends []<-chan struct{}
	for _, x := range r.e.execs {
		ends = append(ends, x.done)
		for a := range x.sessions {
			ends = append(ends, a.drained)
		}
	}
	return ends
}

// endExecs waits for the watchers of all execs, after the run's context has
// ended.
func (r *run) endExecs() {
	r.e.mu.Lock()
	r.over = true
	r.e.mu.Unlock()
	r.execs.Wait()
}

// resumeExecs takes up the execs that an earlier process has started.
func (r *run) resumeExecs() {
	if !r.recovered {
		return
	}
	known, err := r.svc.cfg.Store.LoadExecs(r.e.id)
	if err != nil {
		r.log.WithError(err).Error("the execs of the container are not known")
		return
	}
	for _, k := range known {
		r.addExec(&exec{
			run: r, done: make(chan struct{}), sessions: make(map[*execSession]bool),
			info: cardplane.Exec{ID: k.ID, ContainerID: r.e.id, Command: k.Command, Running: true},
			spec: cardplane.ExecSpec{TTY: k.TTY, Stdin: k.Stdin},
		}, nil, func() {}) // announced when it was started
	}
}

// watchExec waits for the end of x and makes it known. It goes by watch, which
// may be nil, for as long as that lasts.
func (r *run) watchExec(x *exec, watch *guestclient.ExecWatch) {
	if watch != nil && r.follow(x, watch) {
		return
	}
	for retry := guestclient.NewBackoff(); ; {
		state, err := r.sb.Guest().WaitExec(r.ctx, r.e.id, x.info.ID)
		switch {
		case err == nil && state.State == guestapi.StateExited:
			r.endExec(x, state.ExitCode)
			return
		case guestclient.Permanent(err):
			r.loseExec(x)
			return
		}
		if retry.Wait(r.ctx) != nil {
			r.loseExec(x)
			return
		}
	}
}

// follow takes in what watch tells. It reports whether that included the end.
func (r *run) follow(x *exec, watch *guestclient.ExecWatch) (ended bool) {
	defer watch.Close()
	defer r.unwatched(x)
	for {
		state, err := watch.Next()
		if err != nil {
			return ended
		}
		r.noteOutputs(x, state)
		if state.State == guestapi.StateExited && !ended {
			ended = true
			r.endExec(x, state.ExitCode)
		}
	}
}

func (r *run) endExec(x *exec, code int) {
	r.e.mu.Lock()
	x.info.Running, x.info.ExitCode, x.endAt = false, code, time.Now()
	info := x.info
	r.e.mu.Unlock()
	close(x.done) // the rest is nobody's to wait for
	c := r.e.snapshot()
	r.svc.publish(cardplane.ExecExited, c.ID, c.Name, map[string]string{"exec": info.ID, "exitCode": strconv.Itoa(code)})
	r.pruneExecs()
}

func (r *run) loseExec(x *exec) {
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	x.info.Running, x.lost = false, true
	close(x.done)
}

// pruneExecs forgets the oldest execs that have ended.
func (r *run) pruneExecs() {
	r.e.mu.Lock()
	var ended []*exec
	for _, x := range r.e.execs {
		if !x.info.Running {
			ended = append(ended, x)
		}
	}
	slices.SortFunc(ended, func(a, b *exec) int { return a.endAt.Compare(b.endAt) })
	ended = ended[:max(0, len(ended)-maxEnded)]
	for _, x := range ended {
		delete(r.e.execs, x.info.ID)
	}
	r.e.mu.Unlock()
	for _, x := range ended {
		r.forgetExec(x.info.ID)
		if err := r.sb.Guest().DeleteExec(r.ctx, r.e.id, x.info.ID, false); err != nil {
			r.log.WithError(err).Debug("an exec was not deleted in the guest")
		}
	}
}

func (r *run) forgetExec(id string) {
	if err := r.svc.cfg.Store.RemoveExec(r.e.id, id); err != nil {
		r.log.WithError(err).Error("an exec was not forgotten")
	}
}

// lookupExec finds an exec of the container's present or last run.
func (s *Service) lookupExec(ref, id string) (*entry, *exec, error) {
	e, err := s.lookup(ref)
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

// GetExec implements [cardplane.ContainerService].
func (s *Service) GetExec(_ context.Context, ref, execID string) (cardplane.Exec, error) {
	e, x, err := s.lookupExec(ref, execID)
	if err != nil {
		return cardplane.Exec{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return x.info, nil
}

// ResizeExec implements [cardplane.ContainerService].
func (s *Service) ResizeExec(ctx context.Context, ref, execID string, size cardplane.TerminalSize) error {
	e, x, err := s.lookupExec(ref, execID)
	if err != nil {
		return err
	}
	return e.notRunning(x.run.command(ctx, func(ctx context.Context) error {
		return x.run.sb.Guest().ResizeExec(ctx, e.id, execID, terminalSize(size))
	}))
}

// AttachExec implements [cardplane.ContainerService].
func (s *Service) AttachExec(_ context.Context, ref, execID string) (cardplane.Session, error) {
	e, x, err := s.lookupExec(ref, execID)
	if err != nil {
		return nil, err
	}
	return newExecSession(e, x), nil
}
