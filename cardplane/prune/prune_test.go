package prune_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/cardplane/cardplane/cardplane/prune"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func TestObjects(t *testing.T) {
	now := time.Now()
	broken := errors.New("broken")
	object := func(name string, age time.Duration, err error) prune.Object {
		return prune.Object{Name: name, CreatedAt: now.Add(-age), Bytes: 10, Remove: func() error { return err }}
	}
	used := object("used", time.Hour, apierr.New(apierr.FailedPrecondition, "thing_in_use", "in use"))
	gone := object("gone", time.Hour, apierr.New(apierr.NotFound, "thing_not_found", "gone"))
	for name, tc := range map[string]struct {
		list  []prune.Object
		until time.Time
		want  []string
		bytes int64
		err   error
	}{
		"all":         {list: []prune.Object{object("a", time.Hour, nil), used, gone, object("b", 0, nil)}, want: []string{"a", "b"}, bytes: 20},
		"old ones":    {list: []prune.Object{object("old", time.Hour, nil), object("new", 0, nil)}, until: now, want: []string{"old"}, bytes: 10},
		"up to fault": {list: []prune.Object{object("a", 0, nil), object("b", 0, broken), object("c", 0, nil)}, want: []string{"a"}, bytes: 10, err: broken},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := prune.Objects(tc.list, tc.until, "thing_in_use")
			if !errors.Is(err, tc.err) || !slices.Equal(got.IDs, tc.want) || got.Bytes != tc.bytes {
				t.Errorf("removed %v, %v; want %v of %d bytes, %v", got, err, tc.want, tc.bytes, tc.err)
			}
		})
	}
}
