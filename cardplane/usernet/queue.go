package usernet

import (
	"context"
	"sync"
)

// queueBytes bounds the frames that wait for a guest. It is some hundred of full
// length, which TCP takes for a short stay in a network.
const queueBytes = 512 << 10

// queue holds frames until they are taken. What does not fit is dropped, as on a
// wire.
type queue struct {
	mu     sync.Mutex
	frames [][]byte
	bytes  int
	closed bool
	filled chan struct{} // has an element while there may be something to take
}

func newQueue() *queue { return &queue{filled: make(chan struct{}, 1)} }

// push adds a frame, which the queue keeps.
func (q *queue) push(f []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.bytes+len(f) > queueBytes {
		return
	}
	q.frames, q.bytes = append(q.frames, f), q.bytes+len(f)
	q.wakeLocked()
}

func (q *queue) wakeLocked() {
	select {
	case q.filled <- struct{}{}:
	default:
	}
}

// take waits for frames and returns all that there are.
func (q *queue) take(ctx context.Context) ([][]byte, error) {
	for {
		q.mu.Lock()
		frames, closed := q.frames, q.closed
		q.frames, q.bytes = nil, 0
		if closed {
			q.wakeLocked() // others wait too
		}
		q.mu.Unlock()
		switch {
		case closed:
			return nil, errClosed
		case len(frames) > 0:
			return frames, nil
		}
		select {
		case <-q.filled:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// close drops what waits, and all that comes.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed, q.frames = true, nil
	q.wakeLocked()
}
