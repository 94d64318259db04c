// Package prune removes what nobody uses, for each kind of object that the API
// can prune.
package prune

import (
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// Object is one that may be removed.
type Object struct {
	// Name is how [cardplane.Pruned] lists it.
	Name string
	// CreatedAt is compared with the filter's Until.
	CreatedAt time.Time
	// Bytes is what is gained by its removal.
	Bytes int64
	// Remove removes it, unless it is in use.
	Remove func() error
}

// Objects removes those of list that were created before until, or all where
// until is zero. Whatever somebody uses, which Remove says with the code inUse,
// stays, and what somebody else has removed meanwhile is not listed. With any
// other error it stops and returns what was removed until then.
func Objects(list []Object, until time.Time, inUse string) (cardplane.Pruned, error) {
	var pruned cardplane.Pruned
	for _, o := range list {
		if !until.IsZero() && !o.CreatedAt.Before(until) {
			continue
		}
		err := o.Remove()
		switch {
		case apierr.Is(err, inUse), apierr.ClassOf(err) == apierr.NotFound:
			continue
		case err != nil:
			return pruned, err
		}
		pruned.IDs = append(pruned.IDs, o.Name)
		pruned.Bytes += o.Bytes
	}
	return pruned, nil
}
