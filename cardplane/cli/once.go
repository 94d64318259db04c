package cli

import (
	"context"
	"crypto/rand"
)

// once makes a request that creates something, under an idempotency key. It is
// repeated when the connection was lost on the way, so that what it creates is
// neither missing nor there twice.
func once[T any](ctx context.Context, a *App, create func(key string) (T, error)) (T, error) {
	key := rand.Text()
	var out T
	err := a.persist(ctx, false, func(func()) (err error) {
		out, err = create(key)
		return err
	})
	return out, err
}
