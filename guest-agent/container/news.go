package container

import "sync"

// news wakes everybody who waits for it. Its zero value is ready to use.
type news struct {
	mu   sync.Mutex
	wake chan struct{}
}

// next returns a channel that is closed by the next announcement.
func (n *news) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.wake == nil {
		n.wake = make(chan struct{})
	}
	return n.wake
}

// announce wakes who waits.
func (n *news) announce() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.wake != nil {
		close(n.wake)
		n.wake = nil
	}
}
