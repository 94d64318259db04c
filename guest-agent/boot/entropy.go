package boot

import (
	"context"
	"errors"
	"time"
)

// entropyTimeout bounds the wait for the random generator. A machine with
// RDRAND or virtio-rng does not wait at all.
const entropyTimeout = 20 * time.Second

// entropy waits until random numbers are good, so that no container gets keys
// that can be guessed.
func (m machine) entropy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, entropyTimeout)
	defer cancel()
	seeded := make(chan error, 1)
	go func() { seeded <- m.system.Random() }()
	select {
	case err := <-seeded:
		return err
	case <-ctx.Done():
		return errors.New("the random generator is not seeded; give the machine a virtio-rng device")
	}
}
