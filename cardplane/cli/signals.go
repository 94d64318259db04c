package cli

import (
	"context"
	"os"
	"sync"
	"syscall"
)

// forceAfter is how many times one has to interrupt a command that passes
// signals on to a container, until it ends all the same. docker has it so.
const forceAfter = 3

// signalRouter gives the process's signals to whoever has taken them, and
// otherwise lets those that mean "end" end the command's context.
type signalRouter struct {
	source  <-chan os.Signal
	cancel  context.CancelCauseFunc
	running sync.WaitGroup

	mu         sync.Mutex
	taker      func(os.Signal)
	interrupts int
}

func newSignalRouter(source <-chan os.Signal) *signalRouter {
	return &signalRouter{source: source}
}

// start begins to route and returns the context that signals end.
func (r *signalRouter) start(ctx context.Context) context.Context {
	ctx, r.cancel = context.WithCancelCause(ctx)
	r.running.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case sig, ok := <-r.source:
				if !ok {
					return
				}
				r.route(sig)
			}
		}
	})
	return ctx
}

// stop ends routing.
func (r *signalRouter) stop() {
	r.cancel(context.Canceled)
	r.running.Wait()
}

// take makes f receive all signals until the returned function is called. f
// must not block.
func (r *signalRouter) take(f func(os.Signal)) (release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taker = f
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.taker = nil
	}
}

func (r *signalRouter) route(sig os.Signal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ends := sig == syscall.SIGINT || sig == syscall.SIGTERM
	if ends {
		r.interrupts++
	}
	switch {
	case ends && r.taker != nil && r.interrupts >= forceAfter:
		r.cancel(&interruptError{signal: sig, forced: true})
	case r.taker != nil:
		r.taker(sig)
	case ends || sig == syscall.SIGHUP || sig == syscall.SIGQUIT:
		r.cancel(&interruptError{signal: sig})
	}
}
