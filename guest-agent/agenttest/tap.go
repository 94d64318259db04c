package agenttest

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/cardplane/cardplane/guest-agent/network"
)

// tapQueue is how many frames wait in either direction, as in a kernel.
const tapQueue = 500

// Tap is an interface in memory.
type Tap struct {
	up, down chan []byte // from the machine, and to it
	closed   chan struct{}
	once     sync.Once

	mu      sync.Mutex
	expired chan struct{} // closed while the read deadline is over
}

func newTap() *Tap {
	return &Tap{
		up: make(chan []byte, tapQueue), down: make(chan []byte, tapQueue),
		closed: make(chan struct{}), expired: make(chan struct{}),
	}
}

// Send has the machine send a frame. It is lost while too many wait.
func (t *Tap) Send(frame []byte) {
	select {
	case t.up <- slices.Clone(frame):
	default:
	}
}

// Receive waits for a frame for the machine. It returns nil once ctx has ended,
// or the interface is gone.
func (t *Tap) Receive(ctx context.Context) []byte {
	select {
	case frame := <-t.down:
		return frame
	case <-t.closed:
	case <-ctx.Done():
	}
	return nil
}

// Closed is closed once the interface is gone.
func (t *Tap) Closed() <-chan struct{} { return t.closed }

// tapEnd is the agent's end of a Tap.
type tapEnd struct{ t *Tap }

var _ network.Tap = tapEnd{}

// Read implements network.Tap.
func (e tapEnd) Read(p []byte) (int, error) {
	e.t.mu.Lock()
	expired := e.t.expired
	e.t.mu.Unlock()
	select { // the deadline counts more
	case <-expired:
		return 0, os.ErrDeadlineExceeded
	default:
	}
	select {
	case frame := <-e.t.up:
		return copy(p, frame), nil
	case <-expired:
		return 0, os.ErrDeadlineExceeded
	case <-e.t.closed:
		return 0, os.ErrClosed
	}
}

// Write implements network.Tap.
func (e tapEnd) Write(p []byte) (int, error) {
	select {
	case e.t.down <- slices.Clone(p):
	default:
	}
	return len(p), nil
}

// SetReadDeadline implements network.Tap, for deadlines that are over and for
// none.
func (e tapEnd) SetReadDeadline(t time.Time) error {
	e.t.mu.Lock()
	defer e.t.mu.Unlock()
	over := false
	select {
	case <-e.t.expired:
		over = true
	default:
	}
	switch {
	case t.IsZero() && over:
		e.t.expired = make(chan struct{})
	case !t.IsZero() && !over:
		close(e.t.expired)
	}
	return nil
}

// Close implements network.Tap.
func (e tapEnd) Close() error {
	e.t.once.Do(func() { close(e.t.closed) })
	return nil
}
