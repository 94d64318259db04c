package image

import (
	"context"
	"sync"

	"github.com/cardplane/cardplane/cardplane"
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
	board   *board
	done    chan struct{}
	value   any
	err     error
}

// share runs work under the given key, or joins the run under way. The work's
// context has the values of the first caller's and ends with the store. The
// last caller to leave waits until the work has stopped, so that it can rely
// on its clean-up. Each caller's report, which may be nil, is told the work's
// progress, also what was before the caller came.
func share[T any](ctx context.Context, s *Store, key string, report cardplane.ProgressFunc,
	work func(context.Context, cardplane.ProgressFunc) (T, error)) (T, error) {
	var none T
	f, err := s.flights.join(ctx, s, key, func(ctx context.Context, report cardplane.ProgressFunc) (any, error) { return work(ctx, report) })
	if err != nil {
		return none, err
	}
	if err := f.board.follow(ctx, f.done, report); err != nil {
		if last := s.flights.leave(f); last {
			<-f.done
		}
		return none, err
	}
	if f.err != nil {
		return none, f.err
	}
	return f.value.(T), nil
}

// join takes part in the work under key, or begins it. Work that is being
// cancelled is waited for, so that there is never more than one.
func (g *flights) join(ctx context.Context, s *Store, key string, work func(context.Context, cardplane.ProgressFunc) (any, error)) (*flight, error) {
	for {
		f, dying, err := g.tryJoin(ctx, s, key, work)
		if !dying {
			return f, err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (g *flights) tryJoin(ctx context.Context, s *Store, key string, work func(context.Context, cardplane.ProgressFunc) (any, error)) (_ *flight, dying bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f := g.calls[key]; f != nil {
		if f.waiters == 0 {
			return f, true, nil
		}
		f.waiters++
		return f, false, nil
	}
	own, end, err := s.begin(context.WithoutCancel(ctx))
	if err != nil {
		return nil, false, err
	}
	own, cancel := context.WithCancel(own)
	f := &flight{waiters: 1, cancel: cancel, board: newBoard(), done: make(chan struct{})}
	if g.calls == nil {
		g.calls = make(map[string]*flight)
	}
	g.calls[key] = f
	go func() {
		defer end()
		defer cancel()
		f.value, f.err = work(own, f.board.put)
		g.forget(key)
		close(f.done)
	}()
	return f, false, nil
}

// leave takes one waiter away, and cancels the work with the last one.
func (g *flights) leave(f *flight) (last bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f.waiters--; f.waiters > 0 {
		return false
	}
	f.cancel()
	return true
}

func (g *flights) forget(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.calls, key)
}
