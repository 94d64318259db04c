package container

import (
	"context"
	"errors"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/cardplane/ocispec"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// exec is a further process in a container.
type exec struct {
	run  *run
	spec cardplane.ExecSpec // what is not in info: TTY and Stdin
	done chan struct{}      // closed when it has ended, or its run has
	// answered: the guest has told this control plane that it has started it.
	answered bool

	// Guarded by entry.mu.
	sessions map[*execSession]bool
	info     cardplane.Exec
	lost     bool      // the run ended first, so there is no exit code
	told     bool      // there is no event of it to come
	endAt    time.Time // when it ended
	outputs  execOutputs
}

// Exec implements [cardplane.ContainerService].
func (s *Service) Exec(ctx context.Context, ref string, spec cardplane.ExecSpec, key string) (cardplane.Exec, error) {
	e, err := s.lookup(ref)
	if err != nil {
		return cardplane.Exec{}, err
	}
	if err := checkExec(spec); err != nil {
		return cardplane.Exec{}, err
	}
	if key == "" {
		return e.exec(ctx, spec, execKey{id: newID(execBytes)})
	}
	key = "exec/" + e.id + "/" + key
	unlock, err := s.keys.lock(ctx, key)
	if err != nil {
		return cardplane.Exec{}, err
	}
	defer unlock()
	return e.execOnce(ctx, spec, key)
}

// execOnce is exec for a request with an idempotency key. Who has one comes
// back for the answer, so that the process is started also for a client that
// has gone.
func (e *entry) execOnce(ctx context.Context, spec cardplane.ExecSpec, key string) (cardplane.Exec, error) {
	made := cardplane.Exec{ID: newID(execBytes)}
	found, done, err := e.svc.cfg.Store.Answer(key, spec, &made)
	if err != nil || done {
		return made, err
	}
	if found {
		if again, err := e.unanswered(made.ID); err != nil || !again {
			return made, err
		}
	}
	return e.exec(context.WithoutCancel(ctx), spec, execKey{id: made.ID, key: key})
}

// unanswered reports whether the control plane may have died before the guest
// had answered that it has the exec id. The guest starts an exec once, so that it
// can be asked again. An exec that is no longer on record has ended.
func (e *entry) unanswered(id string) (bool, error) {
	e.mu.Lock()
	x := e.execs[id]
	e.mu.Unlock()
	if x != nil && x.answered {
		return false, nil
	}
	return e.svc.cfg.Store.HasExec(e.id, id)
}

// execKey is the id of a new exec, with the idempotency key of its request or
// an empty one.
type execKey struct{ id, key string }

// remember returns the changes of the store that belong to the key.
func (k execKey) remember(spec cardplane.ExecSpec, info cardplane.Exec, done bool) []store.Change {
	if k.key == "" {
		return nil
	}
	return []store.Change{store.Remember(k.key, spec, info, done)}
}

// forget returns the changes that make the key a new one again.
func (k execKey) forget() []store.Change {
	if k.key == "" {
		return nil
	}
	return []store.Change{store.Forget(k.key)}
}

// exec starts a further process.
func (e *entry) exec(ctx context.Context, spec cardplane.ExecSpec, key execKey) (cardplane.Exec, error) {
	r, err := e.runningRun(ctx)
	if err != nil {
		return cardplane.Exec{}, err
	}
	if c := e.snapshot(); c.State == cardplane.Paused {
		return cardplane.Exec{}, paused(c)
	}
	process, err := r.execProcess(ctx, spec)
	if err != nil {
		return cardplane.Exec{}, err
	}
	return r.startExec(ctx, spec, process, key)
}

// startExec has the agent start process and makes it known.
func (r *run) startExec(ctx context.Context, spec cardplane.ExecSpec, process *specs.Process, key execKey) (cardplane.Exec, error) {
	s, e := r.svc, r.e
	info := cardplane.Exec{ID: key.id, ContainerID: e.id, Command: spec.Command, Running: true, StartedAt: time.Now().UTC(), TTY: spec.TTY, Stdin: spec.Stdin}
	x := &exec{run: r, spec: spec, done: make(chan struct{}), sessions: make(map[*execSession]bool), info: info, answered: true}
	// A call that is cut must not leave a process that nobody knows.
	saved := store.Exec{ID: info.ID, Command: spec.Command, TTY: spec.TTY, Stdin: spec.Stdin, StartedAt: info.StartedAt}
	if err := s.cfg.Store.SaveExec(e.id, saved, key.remember(spec, info, false)...); err != nil {
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
		forgotten := s.cfg.Store.Update(key.forget()...)
		r.undoExec(info.ID, err)
		return cardplane.Exec{}, errors.Join(e.notRunning(err), forgotten)
	}
	x.outputs.watched = true
	r.addExec(x, watch, func() {
		// Until then a repetition finds the exec known, or asks the guest.
		r.insist(func() error {
			return s.cfg.Store.Update(append(key.remember(spec, info, true), r.tellsExecStart(info))...)
		})
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
		r.helpers.Go(func() { r.dropExec(id) })
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
		c := r.e.snapshot()
		user, err = r.svc.cfg.Images.ResolveUser(ctx, c.ImageID, spec.User, c.Spec.Groups)
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
