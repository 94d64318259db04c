package httpapi

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// defaultLimit is the document's default for the size of a page.
const defaultLimit = 100

// position is an item's place in its list: by creation, then by id. It does
// not depend on other items, so that a page begins at the right place although
// items were removed since the one before.
type position struct {
	at time.Time
	id string
}

func (p position) compare(other position) int {
	if c := p.at.Compare(other.at); c != 0 {
		return c
	}
	return strings.Compare(p.id, other.id)
}

// cursor renders p as an opaque text.
func (p position) cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(p.at.UTC().Format(time.RFC3339Nano) + " " + p.id))
}

func parseCursor(cursor string) (position, error) {
	invalid := apierr.New(apierr.InvalidArgument, "invalid_cursor", "cursor %.80q is none that this server gave out; begin without one", cursor).At("cursor")
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return position{}, invalid
	}
	at, id, ok := strings.Cut(string(text), " ")
	if !ok {
		return position{}, invalid
	}
	t, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return position{}, invalid
	}
	return position{at: t, id: id}, nil
}

// page sorts items, oldest first, and returns those after cursor, limit at
// most, with the next cursor where there are more.
func page[T any](items []T, limit *int, cursor *string, where func(T) position) ([]T, *string, error) {
	order := func(a, b T) int { return where(a).compare(where(b)) }
	if !slices.IsSortedFunc(items, order) {
		items = slices.Clone(items)
		slices.SortFunc(items, order)
	}
	if cursor != nil && *cursor != "" {
		after, err := parseCursor(*cursor)
		if err != nil {
			return nil, nil, err
		}
		n, found := slices.BinarySearchFunc(items, after, func(item T, p position) int { return where(item).compare(p) })
		if found {
			n++
		}
		items = items[n:]
	}
	n := defaultLimit
	if limit != nil {
		n = *limit
	}
	if len(items) <= n {
		return items, nil, nil
	}
	next := where(items[n-1]).cursor()
	return items[:n], &next, nil
}

// value returns what p points to, or the zero value.
func value[T any](p *T) T {
	var out T
	if p != nil {
		out = *p
	}
	return out
}

// each maps f over s and never returns nil.
func each[A, B any](s []A, f func(A) B) []B {
	out := make([]B, 0, len(s))
	for _, v := range s {
		out = append(out, f(v))
	}
	return out
}
