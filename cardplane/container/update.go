package container

import (
	"context"
	"reflect"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// Update implements [cardplane.ContainerService].
func (s *Service) Update(ctx context.Context, ref string, update cardplane.ContainerUpdate, revision string) (cardplane.Container, error) {
	e, err := s.lookup(ref)
	if err != nil {
		return cardplane.Container{}, err
	}
	if update.MemoryBytes != nil {
		if err := s.checkHostMemory(ctx, *update.MemoryBytes); err != nil {
			return cardplane.Container{}, err
		}
	}
	if c, _ := e.active(); c.State == cardplane.Running || c.State == cardplane.Paused {
		if _, err := e.runningRun(ctx); err != nil && !apierr.Is(err, "container_not_running") {
			return cardplane.Container{}, err
		}
	}
	done, err := e.beginUpdate(update, revision)
	if err != nil {
		return cardplane.Container{}, err
	}
	if err := s.whileReached(ctx, done.done); err != nil {
		return e.snapshot(), err
	}
	return e.snapshot().WithRevision(), done.err
}

// beginUpdate makes the change durable, and has the guest of a container that
// runs follow it.
func (e *entry) beginUpdate(update cardplane.ContainerUpdate, revision string) (*task, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.snapshotLocked()
	if e.removed {
		return nil, notFound(e.id)
	}
	if err := c.CheckRevision(revision); err != nil {
		return nil, err
	}
	spec, err := e.svc.updated(c.Spec, update)
	if err != nil || reflect.DeepEqual(spec, c.Spec) {
		return finished(), err
	}
	resize := spec.Resources != c.Spec.Resources
	live := e.rec.Container.State == cardplane.Running || e.rec.Container.State == cardplane.Paused
	switch {
	case resize && e.rec.Container.State == cardplane.Starting:
		return nil, apierr.New(apierr.FailedPrecondition, "container_starting", "container %s is being started; change its resources when it runs", c.Name)
	case live && e.rec.Run.Before != nil:
		return nil, apierr.New(apierr.FailedPrecondition, "update_pending", "an earlier change of container %s has not reached its guest yet; try again later", c.Name)
	case resize && live && e.run != nil && !e.run.over:
		return e.resizeLocked(spec)
	}
	c.Spec = spec
	err = e.updateLocked(func(rec *store.Record) {
		rec.Container.Spec = spec
		if resize {
			rec.Container.Pending = nil // whatever it is, the next start has it
		}
	}, e.svc.recording(cardplane.ContainerUpdated, c, nil))
	return finished(), err
}

// updated returns spec as update changes it, checked as at Create.
func (s *Service) updated(spec cardplane.ContainerSpec, update cardplane.ContainerUpdate) (cardplane.ContainerSpec, error) {
	spec = update.Apply(spec)
	if err := checkStrings("/labels", keysAndValues(spec.Labels)); err != nil {
		return spec, err
	}
	if err := checkRestart(spec); err != nil {
		return spec, err
	}
	return s.completeSize(spec)
}

// resizeLocked records the new specification of a container that runs, and has
// its guest follow it.
func (e *entry) resizeLocked(spec cardplane.ContainerSpec) (*task, error) {
	err := e.updateLocked(func(rec *store.Record) {
		before := rec.Container.Spec
		if rec.Run.Booted == nil {
			rec.Run.Booted = &before.Resources
		}
		rec.Run.Before = &before
		rec.Container.Spec = spec
		rec.Container.Pending = pending(*rec.Run.Booted, spec)
	})
	if err != nil {
		return nil, err
	}
	return e.run.aside(e.run.followLimits), nil
}

// pending names what a machine that was made for booted cannot give. In a
// sandbox it has that already.
func pending(booted cardplane.Resources, spec cardplane.ContainerSpec) []string {
	var list []string
	wanted := spec.Resources
	if spec.Sandbox != "" {
		return nil
	}
	if wanted.VCPUs > booted.VCPUs {
		list = append(list, "vcpus")
	}
	if wanted.MemoryBytes > booted.MemoryBytes {
		list = append(list, "memoryBytes")
	}
	return list
}

// limitsOf returns what the guest is told. It need not be told of what its
// machine does not have.
func limitsOf(rec store.Record) guestapi.Limits {
	wanted := rec.Container.Spec.Resources
	limits := guestapi.Limits{Pids: wanted.PidsLimit}
	if rec.Container.Spec.Sandbox != "" {
		limits.MemoryBytes = wanted.MemoryBytes
		return limits
	}
	if booted := rec.Run.Booted; booted != nil {
		if wanted.MemoryBytes < booted.MemoryBytes {
			limits.MemoryBytes = wanted.MemoryBytes
		}
		if wanted.VCPUs < booted.VCPUs {
			limits.Cpus = wanted.VCPUs
		}
	}
	return limits
}

// resumeLimits has the guest follow a change that an earlier process has made.
func (r *run) resumeLimits() {
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	if r.e.rec.Run.Before != nil && !r.over {
		r.aside(r.followLimits)
	}
}

// followLimits has the guest limit the container as its specification says,
// for as long as it takes. What the guest refuses is taken back.
func (r *run) followLimits() error {
	for retry := guestclient.NewBackoff(); ; {
		err := r.sb.Guest().Limit(r.ctx, r.e.id, limitsOf(r.e.record()))
		switch {
		case err == nil:
			r.noteUpdated()
			return nil
		case r.ctx.Err() == nil && guestclient.Permanent(err):
			r.persist(undoUpdate)
			r.log.WithError(err).Warn("the container was not updated")
			return r.e.notRunning(err)
		}
		if retry.Wait(r.ctx) == nil {
			continue
		}
		if detached(r.ctx) {
			return shuttingDown()
		}
		r.noteUpdated() // the run is over, and the next one has it
		return nil
	}
}

// noteUpdated records that an update has been followed.
func (r *run) noteUpdated() {
	r.persist(func(rec *store.Record) { rec.Run.Before = nil }, r.e.tellsUpdate())
}

// undoUpdate takes an update back that the guest has refused. The name is not
// part of it.
func undoUpdate(rec *store.Record) {
	before, spec := rec.Run.Before, &rec.Container.Spec
	if before == nil {
		return
	}
	spec.Labels, spec.Restart, spec.Resources = before.Labels, before.Restart, before.Resources
	rec.Container.Pending = pending(*rec.Run.Booted, *before)
	rec.Run.Before = nil
}
