package container

import (
	"slices"
	"strconv"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

const (
	// maxEnded bounds how many execs that have ended are remembered in a
	// container, with what is left of their output in the guest.
	maxEnded = 32
	// forgetAtOnce is how many more the guest keeps before it is asked to
	// forget them, in one request.
	forgetAtOnce = 16
	// guestExecs is how many execs of a container the guest keeps at the most.
	guestExecs = 256
	// execDrainTimeout bounds how long a container's end waits for those who
	// are attached to its execs.
	execDrainTimeout = 5 * time.Second
)

// addExec makes x known and watches it until it ends, after announce, which
// writes to disk and need not be waited for.
func (r *run) addExec(x *exec, watch *guestclient.ExecWatch, announce func()) {
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	r.e.execs[x.info.ID] = x
	if r.over {
		x.info.Running, x.lost, x.told = false, true, true
		close(x.done)
		if watch != nil {
			watch.Close()
		}
		return
	}
	r.helpers.Go(func() {
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

// endHelpers waits for all helpers, after the run's context has ended.
func (r *run) endHelpers() {
	r.e.mu.Lock()
	r.over = true
	r.e.mu.Unlock()
	r.helpers.Wait()
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
		if r.e.knowsExec(k.ID) {
			continue // it was asked for again in the meantime
		}
		x := &exec{
			run: r, done: make(chan struct{}), sessions: make(map[*execSession]bool),
			info: cardplane.Exec{ID: k.ID, ContainerID: r.e.id, Command: k.Command, Running: true, StartedAt: k.StartedAt, TTY: k.TTY, Stdin: k.Stdin},
			spec: cardplane.ExecSpec{TTY: k.TTY, Stdin: k.Stdin},
		}
		r.addExec(x, nil, func() {
			if k.Told == store.ExecBegun {
				r.findExec(x.info)
			}
		})
	}
}

// findExec tells of the start of an exec that the guest has, where the control
// plane may have died before it had asked for it.
func (r *run) findExec(x cardplane.Exec) {
	for retry := guestclient.NewBackoff(); ; {
		_, err := r.sb.Guest().GetExec(r.ctx, r.e.id, x.ID)
		switch {
		case err == nil:
			r.insist(func() error { return r.svc.cfg.Store.Update(r.tellsExecStart(x)) })
			return
		case guestclient.Permanent(err), retry.Wait(r.ctx) != nil:
			return
		}
	}
}

func (e *entry) knowsExec(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.execs[id] != nil
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
	info, replaced := x.info, r.e.execs[x.info.ID] != x
	r.e.mu.Unlock()
	close(x.done) // the rest is nobody's to wait for
	if replaced {
		return // by a repeated request, which makes the end known
	}
	r.insist(func() error {
		return r.svc.cfg.Store.Update(r.tellsExecStart(info),
			r.tellsExec(store.ExecEnded, cardplane.ExecExited, info.ID, map[string]string{"exitCode": strconv.Itoa(code)}))
	})
	r.e.mu.Lock()
	x.told = true
	r.e.mu.Unlock()
	r.pruneExecs()
}

func (r *run) loseExec(x *exec) {
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	x.info.Running, x.lost, x.told = false, true, true
	close(x.done)
}

// pruneExecs forgets the oldest execs that have ended, and of which that was told.
func (r *run) pruneExecs() {
	r.e.mu.Lock()
	var ended []*exec
	for _, x := range r.e.execs {
		if !x.info.Running && x.told {
			ended = append(ended, x)
		}
	}
	slices.SortFunc(ended, func(a, b *exec) int { return a.endAt.Compare(b.endAt) })
	ended = ended[:max(0, len(ended)-maxEnded)]
	for _, x := range ended {
		delete(r.e.execs, x.info.ID)
		r.pruned = append(r.pruned, x.info.ID)
	}
	r.e.mu.Unlock()
	for _, x := range ended {
		r.forgetExec(x.info.ID)
	}
	r.forgetPruned()
}

// forgetPruned has the guest forget what pruneExecs has pruned, once it is
// worth a request.
func (r *run) forgetPruned() {
	r.e.mu.Lock()
	n := min(len(r.pruned), guestExecs)
	batch := r.pruned[:n:n]
	if n < forgetAtOnce {
		batch = nil
	}
	r.pruned = r.pruned[len(batch):]
	r.e.mu.Unlock()
	if batch == nil {
		return
	}
	if err := r.sb.Guest().ForgetExecs(r.ctx, r.e.id, batch); err != nil {
		r.log.WithError(err).Debug("the guest has not forgotten execs; it will be asked again")
		r.e.mu.Lock()
		defer r.e.mu.Unlock()
		r.pruned = append(r.pruned, batch...)
	}
}

func (r *run) forgetExec(id string) {
	if err := r.svc.cfg.Store.RemoveExec(r.e.id, id); err != nil {
		r.log.WithError(err).Error("an exec was not forgotten")
	}
}
