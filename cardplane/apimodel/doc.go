// Package apimodel translates between the domain types of package cardplane
// and the generated models of the public API. It is shared by httpapi, which
// serves the API, httpclient, which uses it, and cardctl, which shows API
// objects to the user. Both directions of a type stand side by side, and
// translating there and back changes nothing.
package apimodel

import (
	"maps"
	"slices"
	"time"
)

// optional returns a pointer to v, or nil when v is the zero value, so that
// the member is left out of the JSON.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// value returns what p points to, or the zero value.
func value[T any](p *T) T {
	var out T
	if p != nil {
		out = *p
	}
	return out
}

// optionalSlice keeps the difference between nil, which is left out, and
// empty, which is sent.
func optionalSlice(s []string) *[]string {
	if s == nil {
		return nil
	}
	s = slices.Clone(s)
	return &s
}

func optionalMap(m map[string]string) *map[string]string {
	if len(m) == 0 {
		return nil
	}
	m = maps.Clone(m)
	return &m
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// list returns s, or an empty slice in place of nil, for a member that is
// required in the JSON.
func list(s []string) []string {
	return append([]string{}, s...)
}

// each maps f over s and never returns nil.
func each[A, B any](s []A, f func(A) B) []B {
	out := make([]B, 0, len(s))
	for _, v := range s {
		out = append(out, f(v))
	}
	return out
}

// optionalEach maps f over s, for a member that is left out when it is empty.
func optionalEach[A, B any](s []A, f func(A) B) *[]B {
	if len(s) == 0 {
		return nil
	}
	out := each(s, f)
	return &out
}

// eachOf maps f over what p points to, nothing where p is nil.
func eachOf[A, B any](p *[]A, f func(A) B) []B {
	if p == nil {
		return nil
	}
	return each(*p, f)
}
