package link

import (
	"context"
	"time"
)

// Pauses between attempts to reach a host that is away double from firstPause
// to lastPause; patience is how long the host may be away in all.
const (
	firstPause = 20 * time.Millisecond
	lastPause  = 2 * time.Second
	patience   = 30 * time.Second
)

// backoff spaces attempts. The zero backoff is ready.
type backoff struct {
	pause  time.Duration
	paused time.Duration
}

// reset says that an attempt got somewhere.
func (b *backoff) reset() { *b = backoff{} }

// forgive says that waiting is worth it: patience begins anew, and the pauses
// stay long.
func (b *backoff) forgive() { b.paused = 0 }

// next pauses before the next attempt. It returns false when there shall be
// none: patience or ctx is at its end.
func (b *backoff) next(ctx context.Context) bool {
	b.pause = min(max(2*b.pause, firstPause), lastPause)
	b.paused += b.pause
	if b.paused > patience {
		return false
	}
	timer := time.NewTimer(b.pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
