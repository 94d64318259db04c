package container

import (
	"context"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

const (
	// powerOffTimeout bounds the orderly end of a guest whose program has
	// ended: file systems are synced and unmounted.
	powerOffTimeout = 20 * time.Second
	// destroyTimeout bounds how long a run's end waits for the host. What is
	// left then is the janitor's.
	destroyTimeout = 30 * time.Second
)

// finish takes the run's resources away and records how it has ended. When
// the control plane ends meanwhile it stops where it is, and the next one
// goes on from the record.
func (r *run) finish(sb *sandbox.Sandbox, end *ending) {
	c := r.e.snapshot()
	if end.exit != nil {
		r.settle(end)
	}
	gone, all := r.leave(sb, c, end)
	if r.svc.ctx.Err() != nil {
		return
	}
	if r.sb != nil { // what its helpers have to tell comes before the end
		r.cancel(nil)
		r.endHelpers()
	}
	r.recordEnd(end, gone)
	left := r.e.record().Container.Interfaces
	if r.last {
		left = r.seat.net.connections().interfaces
		r.seat.end()
	}
	r.svc.zones.announce()
	r.svc.releaseNetworks(left)
	if !all {
		r.svc.wakeJanitor()
	}
	if end.exit == nil {
		r.e.noteFailure()
		r.endJournal()
		r.log.WithError(end.err).Error("the container has failed")
	}
	if c.Spec.AutoRemove && r.e.record().Container.State.Ended() {
		if err := r.svc.remove(r.e); err != nil {
			r.log.WithError(err).Error("the container could not be removed after its end")
			r.e.stay()
		}
	}
}

// settle makes the program's end known to all who wait for it. They need not
// wait for the machine's end.
func (r *run) settle(end *ending) {
	if r.e.record().Run.Exit == nil {
		r.recordExit(end.exit)
	}
	r.endJournal()
	rec := r.e.record()
	again := r.again(&rec, end)
	r.insist(func() error { return r.e.settle(end.exit, again) })
}

func (r *run) endJournal() {
	if err := r.journal.EndRun(); err != nil {
		r.log.WithError(err).Error("the end of the run was not journalled")
	}
}

// leave takes away what the run has of a machine. It returns what is gone, and
// whether that is all.
func (r *run) leave(sb *sandbox.Sandbox, c cardplane.Container, end *ending) (gone []store.Change, all bool) {
	if r.seat != nil {
		return r.part(sb, c, end)
	}
	r.powerOff(sb, c, end)
	return r.dismantle(c, end)
}

// powerOff ends the machine in order where something on its disk will be
// wanted again.
func (r *run) powerOff(sb *sandbox.Sandbox, c cardplane.Container, end *ending) {
	if sb == nil {
		return
	}
	defer sb.Close()
	if end.exit != nil && r.sb != nil {
		r.drainExecs()
	}
	keep := len(mountsOf(r.e.record())) > 0 || r.keepsDisk(c)
	if end.exit == nil || !keep || r.ctx.Err() != nil {
		return
	}
	err := r.powerOffOnce(r.ctx, sb)
	r.unmounted = err == nil
	if err != nil && r.ctx.Err() == nil {
		r.log.WithError(err).Warn("the virtual machine was not switched off in order; its disks are as after a power cut")
	}
}

// keepsDisk reports whether the container's writable layer is of use later.
func (r *run) keepsDisk(c cardplane.Container) bool {
	return !c.Spec.ReadOnlyRoot && (!c.Spec.AutoRemove || r.e.record().Run.Again)
}

// powerOffOnce waits for a host that is away.
func (r *run) powerOffOnce(ctx context.Context, sb *sandbox.Sandbox) error {
	for {
		err := sb.PowerOff(ctx, powerOffTimeout)
		changed, away := r.svc.away()
		if err == nil || away == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// dismantle deletes the published ports, the machine, and the disk of a first start that failed.
// It returns what is gone, and whether that is all.
func (r *run) dismantle(c cardplane.Container, end *ending) (gone []store.Change, all bool) {
	r.net.user.close()
	list := append(r.net.claimed(), store.Resource{Kind: store.VM, ID: c.SandboxID, Owner: c.ID})
	if end.exit == nil && !r.e.record().Run.DiskUsed && !c.Spec.ReadOnlyRoot {
		list = append(list, r.svc.layer(c.ID))
	}
	return r.takeAway(list)
}

// takeAway deletes from the host what is in the list, in order. It returns what
// is gone, and whether that is all.
func (r *run) takeAway(list []store.Resource) (gone []store.Change, all bool) {
	ctx, cancel := context.WithTimeout(r.svc.ctx, destroyTimeout)
	defer cancel()
	for _, res := range list {
		if !r.untilDone(ctx, func() error { return r.svc.destroy(ctx, res) }) {
			return gone, false
		}
		gone = append(gone, store.Release(res))
		if res.Kind == store.VM {
			gone = append(gone, store.EndLeases(res.Owner, r.unmounted), store.EndAddresses(res.Owner))
		}
	}
	return gone, true
}

// untilDone repeats try until it succeeds, and reports whether it has before
// ctx ended. It does not wait for a host that is away: the janitor does.
func (r *run) untilDone(ctx context.Context, try func() error) bool {
	for retry := guestclient.NewBackoff(); ; {
		err := try()
		if err == nil {
			return true
		}
		if sandbox.HostAway(err) || retry.Wait(ctx) != nil {
			r.log.WithError(err).Warn("something was left on the compute host; it will be removed later")
			return false
		}
	}
}

// recordEnd makes the end durable, and that of a container which its policy
// starts again to a pause. An update that the guest has not followed counts from
// the next start on.
func (r *run) recordEnd(end *ending, gone []store.Change) {
	with := append(gone, r.e.tellsUpdate(), r.e.tellsMounting(), r.e.tellsLostExecs())
	if end.exit == nil {
		with = append(with, r.e.tellsFailure(end.err))
	}
	r.persist(func(rec *store.Record) {
		again := r.again(rec, end)
		noteEnd(rec, end)
		if again {
			planRestart(rec)
		}
	}, with...)
	if r.e.record().Container.State == cardplane.Restarting {
		r.e.scheduleRestart()
	}
}

func noteEnd(rec *store.Record, end *ending) {
	c := &rec.Container
	c.FinishedAt = time.Now().UTC()
	rec.Run.KillAt, rec.Run.Before = time.Time{}, nil
	settleMounting(rec)
	if end.exit != nil {
		c.State = cardplane.Exited
		noteExit(c, end.exit)
		rec.Run.Exit = end.exit
		return
	}
	c.State = cardplane.Failed
	c.Error, c.EndReason = apierr.From(end.err), failureReason(c, end.err)
}
