package container

import (
	"context"
	"errors"
	"slices"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
)

// part takes the run's container out of the machine that it shares: what the
// guest has of it, and its devices. The last one to leave ends the machine. It
// returns what is gone, and whether that is all.
func (r *run) part(sb *sandbox.Sandbox, c cardplane.Container, end *ending) (gone []store.Change, all bool) {
	m := r.seat
	if end.exit != nil && r.sb != nil {
		r.drainExecs()
	}
	last := m.leaveAlone(r.e)
	if !last {
		if sb == nil { // it was not needed until now
			sb, _ = m.await(r.svc.ctx)
		}
		last = r.clear(sb, c)
	}
	if r.svc.ctx.Err() != nil {
		m.detach(r.e)
		return nil, false
	}
	var list []store.Resource
	if last {
		m.unfollow()
		r.vacate(end, c)
		list = append(m.net.claimed(), store.Resource{Kind: store.VM, ID: m.id, Owner: m.box.owner()})
	}
	if end.exit == nil && !r.e.record().Run.DiskUsed && !c.Spec.ReadOnlyRoot {
		list = append(list, r.svc.layer(c.ID))
	}
	r.last = last
	return r.takeAway(list)
}

// leaveAlone closes the machine if the container is the only one in it.
func (m *machine) leaveAlone(e *entry) bool {
	m.box.mu.Lock()
	defer m.box.mu.Unlock()
	if len(m.members) == 1 && m.members[e.id] != nil {
		m.closed = true
		m.cancel(errStopped)
	}
	return m.closed
}

// leave takes the container out of the machine, and closes that if it was the
// last one.
func (m *machine) leave(e *entry) (last bool) {
	m.box.mu.Lock()
	defer m.box.mu.Unlock()
	if len(m.members) == 1 {
		m.closed = true
		return true
	}
	delete(m.members, e.id)
	return false
}

// clear makes the guest forget the container and takes its devices from the
// machine, for as long as the machine lives; then it leaves.
func (r *run) clear(sb *sandbox.Sandbox, c cardplane.Container) (last bool) {
	m := r.seat
	if sb == nil {
		return m.leave(r.e)
	}
	r.e.setReason("leaving the sandbox's machine")
	r.deleteInGuest(sb, c)
	m.plugging.Lock()
	defer m.plugging.Unlock()
	if err := sb.Unplug(r.svc.ctx, m.unneeded(r.e, c)); err != nil && !isLost(sb) && r.svc.ctx.Err() == nil {
		r.log.WithError(err).Warn("the container's disks stay with its sandbox's machine until its end")
	}
	return m.leave(r.e)
}

// deleteInGuest makes the guest forget the container. One that cannot, while
// its host can be reached, is given up with all that is in it.
func (r *run) deleteInGuest(sb *sandbox.Sandbox, c cardplane.Container) {
	ctx, cancel := context.WithCancel(r.svc.ctx)
	defer cancel()
	deleted := make(chan struct{})
	go func() {
		defer close(deleted)
		for retry := guestclient.NewBackoff(); ; {
			err := sb.Guest().DeleteContainer(ctx, c.ID)
			if err == nil || retry.Wait(ctx) != nil {
				return
			}
			r.log.WithError(err).Debug("the guest has not deleted the container yet; trying again")
		}
	}()
	if err := r.svc.newGrace(sb, r.svc.cfg.KillTimeout).wait(ctx, deleted); errors.Is(err, errLate) {
		r.log.Error("the guest does not let go of the container; its sandbox's machine is given up")
		sb.GiveUp(r.unresponsive())
	}
	cancel()
	<-deleted
}

// unneeded are the devices of the container that nobody else in the machine
// uses. A volume stays the machine's until its end.
func (m *machine) unneeded(e *entry, c cardplane.Container) []string {
	mine := serials(c)
	for _, other := range m.others(e) {
		theirs := serials(other.Container)
		mine = slices.DeleteFunc(mine, func(s string) bool { return slices.Contains(theirs, s) })
	}
	return mine
}

// serials are those of the devices that a container alone brings along, or with
// others of the same image.
func serials(c cardplane.Container) []string {
	list := []string{sandbox.ImageSerial(c.ImageID)}
	if !c.Spec.ReadOnlyRoot {
		list = append(list, sandbox.LayerSerial(c.ID))
	}
	return list
}

// vacate switches the empty machine off, in order where something on its disks
// will be wanted again.
func (r *run) vacate(end *ending, c cardplane.Container) {
	m := r.seat
	sb, _ := m.await(r.svc.ctx)
	if sb == nil {
		return
	}
	defer sb.Close()
	leases, err := r.svc.cfg.Store.Leases(m.box.owner())
	if err != nil {
		r.log.WithError(err).Error("the sandbox's volumes are not known; their file systems are as after a power cut")
	}
	keep := len(leases) > 0 || end.exit != nil && r.ctx.Err() == nil && r.keepsDisk(c)
	if !keep || isLost(sb) {
		return
	}
	err = r.powerOffOnce(r.svc.ctx, sb)
	r.unmounted = err == nil
	if err != nil && r.svc.ctx.Err() == nil {
		r.log.WithError(err).Warn("the sandbox's machine was not switched off in order; its disks are as after a power cut")
	}
}

// end lets those go on who wait for the machine's end, which is recorded.
func (m *machine) end() {
	m.cancel(nil)
	m.box.mu.Lock()
	defer m.box.mu.Unlock()
	m.box.dropLocked(m)
}
