package container

import (
	"context"
	"sync"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/sandbox"
)

// delivery brings a run's configs and secrets into its guest, and keeps them as
// they are in the store.
type delivery struct {
	run  *run
	ctx  context.Context
	stop context.CancelFunc

	mu sync.Mutex
	// brought is which version of each the guest has. A guest that had them from
	// an earlier control plane is brought them once more, and leaves the same ones
	// alone.
	brought map[place]int64
}

func newDelivery(r *run) *delivery {
	d := &delivery{run: r}
	d.ctx, d.stop = context.WithCancel(r.ctx)
	return d
}

// end returns once nothing is brought any more, and nothing will be: a guest keeps
// files for a container that it has forgotten.
func (d *delivery) end() {
	d.stop()
	d.mu.Lock()
	defer d.mu.Unlock()
}

// begin brings all of them, before the program is started: a start that has failed
// leaves none in the guest.
func (d *delivery) begin(ctx context.Context, sb *sandbox.Sandbox) error {
	d.mu.Lock()
	d.brought = nil
	d.mu.Unlock()
	return d.bring(ctx, sb)
}

// bring brings those that the guest does not have in their latest version.
func (d *delivery) bring(ctx context.Context, sb *sandbox.Sandbox) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.ctx, cancel)()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx.Err() != nil {
		return nil // the next run has them from its start
	}
	spec := d.run.e.record().Container.Spec
	for _, kind := range kinds {
		for i, m := range spec.Contents(kind) {
			if err := d.bringLocked(ctx, sb, kind, placeOf(kind, i, m), m); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *delivery) bringLocked(ctx context.Context, sb *sandbox.Sandbox, kind cardplane.ContentKind, at place, m cardplane.ContentMount) error {
	svc := d.run.svc
	if d.brought[at] == svc.contents[kind].Latest(m.Name).Version {
		return nil
	}
	latest, err := svc.cfg.Store.Content(kind, m.Name)
	if err != nil {
		return err
	}
	process, err := d.run.firstProcess(ctx)
	if err != nil {
		return err
	}
	file, err := liveFile(at, m, latest.Data, process.User.UID, process.User.GID)
	if err != nil {
		return err
	}
	if err := sb.Guest().PutFile(ctx, d.run.e.id, file); err != nil {
		return err
	}
	if d.brought == nil {
		d.brought = make(map[place]int64)
	}
	d.brought[at] = latest.Version
	return nil
}

// follow brings what has changed, until ctx ends.
func (d *delivery) follow(ctx context.Context, sb *sandbox.Sandbox) {
	d.run.svc.keep(ctx, d.run.svc.replaced, func(away bool) error {
		if away {
			return nil
		}
		err := d.bring(ctx, sb)
		if err != nil {
			d.run.log.WithError(err).Debug("the configs and secrets are not as they should be yet")
		}
		return err
	})
}
