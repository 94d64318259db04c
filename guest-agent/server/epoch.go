package server

import (
	"net/http"
	"strconv"
	"sync"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

// epoch is the highest controller epoch seen.
type epoch struct {
	mu   sync.Mutex
	seen int64
}

// admit adopts a higher epoch and refuses a lower one.
func (e *epoch) admit(n int64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if n <= 0 {
		return apierr.New(apierr.InvalidArgument, "missing_epoch", "the epoch %d is not 1 or more", n)
	}
	if n < e.seen {
		return apierr.New(apierr.FailedPrecondition, "stale_epoch", "a controller with epoch %d has taken over from epoch %d", e.seen, n)
	}
	e.seen = n
	return nil
}

func (e *epoch) current() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.seen
}

// middleware admits mutating requests by their header.
func (e *epoch) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			text := r.Header.Get(guestwire.EpochHeader)
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				apierr.Write(w, apierr.New(apierr.InvalidArgument, "missing_epoch", "the header %s is %q; it must be an integer of 1 or more", guestwire.EpochHeader, text))
				return
			}
			if err := e.admit(n); err != nil {
				apierr.Write(w, err)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
