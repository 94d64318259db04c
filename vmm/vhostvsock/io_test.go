package vhostvsock

import (
	"bytes"
	"testing"
)

func TestSegments(t *testing.T) {
	segs := [][]byte{[]byte("ab"), {}, []byte("cde"), []byte("f")}
	flat := "abcdef"
	for skip := range len(flat) + 2 {
		if got := string(appendBytes(nil, segs, skip)); got != flat[min(skip, len(flat)):] {
			t.Errorf("appendBytes from %d: %q", skip, got)
		}
		for n := range len(flat) + 2 {
			got := string(bytes.Join(appendRange(nil, segs, uint64(skip), uint64(n)), nil))
			want := flat[min(skip, len(flat)):min(skip+n, len(flat))]
			if got != want {
				t.Errorf("appendRange(%d, %d) = %q, want %q", skip, n, got, want)
			}
		}
	}
	b := make([]byte, 5)
	if n := gather(b, segs); n != 5 || string(b) != "abcde" {
		t.Errorf("gather = %d, %q", n, b)
	}
	dst := [][]byte{make([]byte, 1), make([]byte, 2)}
	if n := scatter(dst, b); n != 3 || string(dst[0])+string(dst[1]) != "abc" {
		t.Errorf("scatter = %d, %q", n, dst)
	}
}
