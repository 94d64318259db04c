package container

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// execOutputs is what is known of an exec's outputs without asking for them,
// so that no connection is made for what was never written. It is guarded by
// entry.mu.
type execOutputs struct {
	// watched: the rest is kept up to date. Otherwise anything may be there.
	watched        bool
	stdout, stderr guestapi.Output
	// changed is closed at the next change, where somebody waits for it.
	changed chan struct{}
}

// wakeLocked tells those who wait of a change.
func (o *execOutputs) wakeLocked() {
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
}

// nextLocked returns a channel that the next change closes.
func (o *execOutputs) nextLocked() <-chan struct{} {
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return o.changed
}

// of returns what is known of a stream.
func (o *execOutputs) of(stream cardplane.Stream) guestapi.Output {
	if stream == cardplane.Stderr {
		return o.stderr
	}
	return o.stdout
}

// noteOutputs takes in what the guest has told of x.
func (r *run) noteOutputs(x *exec, state guestapi.Exec) {
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	x.outputs.stdout, x.outputs.stderr = state.Stdout, state.Stderr
	x.outputs.wakeLocked()
}

// unwatched says that the guest tells nothing more of x by itself.
func (r *run) unwatched(x *exec) {
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	x.outputs.watched = false
	x.outputs.wakeLocked()
}

// awaitOutput waits until the stream has, or may have, anything to be read. It
// returns false when the stream has ended without that, or ctx has.
func (a *execSession) awaitOutput(ctx context.Context, stream cardplane.Stream) bool {
	for {
		a.e.mu.Lock()
		o := &a.x.outputs
		known, watched, changed := o.of(stream), o.watched, o.nextLocked()
		a.e.mu.Unlock()
		switch {
		case known.Written > 0:
			return true
		case known.Ended:
			return false
		case !watched:
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}
