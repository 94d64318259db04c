package image

import (
	"context"
	"sync"
)

// flights lets callers that ask for the same work at the same time share it.
// Unlike golang.org/x/sync/singleflight it ties the work to its callers: it
// goes on while one of them waits and is cancelled when the last has left.
type flights struct {
	mu    sync.Mutex
	calls map[string]*flight
}

type flight struct {
	waiters int
	cancel  context.CancelFunc
	done    chan struct{}
	value   any
	err     error
}

// share runs work under the given key, or joins the run under way. The work's
// context has the values of the first caller's and ends with the store. The
// last caller to leave waits until the work has stopped, so that it can rely
// on its clean-up.
func share[T any](ctx context.Context, s *Store, key string, work func(context.Context) (T, error)) (T, error) {
	var none T
	f, err := s.flights.join(ctx, s, key, func(ctx context.Context) (any, error) { return work(ctx) })
	if err != nil {
		return none, err
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		if last := s.flights.leave(key, f); last {
			<-f.done
		}
		return none, context.Cause(ctx)
	}
	if f.err != nil {
		return none, f.err
	}
	return f.value.(T), nil
}

func (g *flights) join(ctx context.Context, s *Store, key string, work func(context.Context) (any, error)) (*flight, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f := g.calls[key]; f != nil {
		f.waiters++
		return f, nil
	}
	own, end, err := s.begin(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	own, cancel := context.WithCancel(own)
	f := &flight{waiters: 1, cancel: cancel, done: make(chan struct{})}
	if g.calls == nil {
		g.calls = make(map[string]*flight)
	}
	g.calls[key] = f
	go func() {
		defer end()
		defer cancel()
		f.value, f.err = work(own)
		g.forget(key, f)
		close(f.done)
	}()
	return f, nil
}

// leave takes one waiter away, and cancels the work with the last one. A
// caller that comes later starts it anew.
func (g *flights) leave(key string, f *flight) (last bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f.waiters--; f.waiters > 0 {
		return false
	}
	f.cancel()
	if g.calls[key] == f {
		delete(g.calls, key)
	}
	return true
}

func (g *flights) forget(key string, f *flight) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.calls[key] == f {
		delete(g.calls, key)
	}
}
