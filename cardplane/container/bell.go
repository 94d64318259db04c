package container

import "sync"

// bell tells all who wait that something has changed.
type bell struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every change
}

func newBell() *bell { return &bell{changed: make(chan struct{})} }

func (b *bell) announce() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.changed)
	b.changed = make(chan struct{})
}

// wait returns a channel that is closed at the next change.
func (b *bell) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}
