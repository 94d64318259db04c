package guestclient

import (
	"context"
	"time"
)

const (
	backoffMin = 20 * time.Millisecond
	backoffMax = 2 * time.Second
)

// Backoff spaces out attempts: 20 ms at first, doubling up to 2 s.
type Backoff struct{ next time.Duration }

// NewBackoff returns a Backoff at its start.
func NewBackoff() *Backoff { return &Backoff{next: backoffMin} }

// Reset begins anew, after a success.
func (b *Backoff) Reset() { b.next = backoffMin }

// Wait waits for the next attempt's time, or returns ctx's error.
func (b *Backoff) Wait(ctx context.Context) error {
	timer := time.NewTimer(b.next)
	defer timer.Stop()
	b.next = min(2*b.next, backoffMax)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
