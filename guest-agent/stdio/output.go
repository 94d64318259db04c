package stdio

import (
	"context"
	"slices"
	"sync"
)

// WhenFull says what an Output does when it is full.
type WhenFull int

const (
	// Block stops reading, so that the program blocks when its pipe is full.
	Block WhenFull = iota
	// Drop drops the oldest bytes.
	Drop
)

// OutputStatus is a snapshot of an Output's counters, in bytes.
type OutputStatus struct {
	// Written is the offset after the last byte read from the program.
	Written int64
	// Oldest is the lowest offset still kept.
	Oldest int64
	// Dropped counts the bytes that were dropped because the Output was full.
	Dropped int64
	// Ended: the program has closed the stream, all of it is in Written.
	Ended bool
}

// Output is one output stream of a process. One goroutine runs Pump; any
// number may call the rest.
type Output struct {
	pool  *Pool
	limit int64
	full  WhenFull
	// news is called, with mu held, when the first byte was written and when
	// the stream has ended. It is set before Pump runs.
	news func()

	mu sync.Mutex
	// changed is signalled whenever anything below has changed.
	changed *sync.Cond
	// chunks are contiguous, from the one that holds Oldest to the tail.
	chunks []*chunk
	// filling is the tail while Pump reads into its room, otherwise nil.
	filling *chunk
	OutputStatus
	closed  bool
	session *outputSession
}

// NewOutput returns an Output that keeps at most limit unacknowledged bytes,
// give or take one chunk.
func NewOutput(pool *Pool, limit int64, full WhenFull) *Output {
	o := &Output{pool: pool, limit: max(limit, 1), full: full, news: func() {}}
	o.changed = sync.NewCond(&o.mu)
	return o
}

// Status returns the counters.
func (o *Output) Status() OutputStatus {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.OutputStatus
}

// Close frees every byte and ends Pump and any connection.
func (o *Output) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.forgetLocked(o.Written)
	o.replaceLocked(nil)
}

// Head waits until n bytes were written, the stream has ended or ctx is done,
// and returns the first bytes of the stream, at most n, if they are still kept.
func (o *Output) Head(ctx context.Context, n int) []byte {
	defer o.wakeWhenDone(ctx)()
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.Written < int64(n) && !o.Ended && !o.closed && ctx.Err() == nil {
		o.changed.Wait()
	}
	if o.Oldest > 0 || len(o.chunks) == 0 {
		return nil
	}
	first := o.chunks[0].buf
	return append([]byte(nil), first[:min(n, len(first))]...)
}

// Drain waits until the stream has ended and all of it was acknowledged, or
// no connection carries it, or ctx is done.
func (o *Output) Drain(ctx context.Context) {
	defer o.wakeWhenDone(ctx)()
	o.mu.Lock()
	defer o.mu.Unlock()
	for !(o.Ended && o.Oldest == o.Written) && o.session != nil && !o.closed && ctx.Err() == nil {
		o.changed.Wait()
	}
}

// wakeWhenDone wakes all waiters once ctx is done, until the returned
// function is called.
func (o *Output) wakeWhenDone(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.changed.Broadcast()
	})
}

// forgetLocked makes offset, at most Written, the oldest.
func (o *Output) forgetLocked(offset int64) {
	o.Oldest = offset
	gone := 0
	for gone < len(o.chunks) && o.chunks[gone].end() <= offset && o.chunks[gone] != o.filling {
		o.pool.drop(o.chunks[gone])
		gone++
	}
	o.chunks = slices.Delete(o.chunks, 0, gone)
	o.changed.Broadcast()
}
