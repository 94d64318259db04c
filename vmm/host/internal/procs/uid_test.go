package procs

import (
	"os"
	"testing"
)

func TestUIDRange(t *testing.T) {
	for text, want := range map[string]UIDRange{"none": {}, "2000000-2009999": {2000000, 2009999}} {
		if r, err := ParseUIDRange(text); err != nil || r != want || r.String() != text {
			t.Errorf("%s: %v, %v", text, r, err)
		}
	}
	for _, text := range []string{"", "5", "0-5", "3000-2000", "2000-2000", "2000-x", "1000-4294967296", "-1-5"} {
		if r, err := ParseUIDRange(text); err == nil {
			t.Errorf("%q: %v", text, r)
		}
	}
}

func TestFreeUID(t *testing.T) {
	r := UIDRange{First: 2100000000, Last: 2100000002}
	taken := map[int]bool{}
	for _, want := range []int{2100000001, 2100000002} {
		uid, ok := r.Free(taken)
		if !ok || uid != want {
			t.Fatalf("got %d, %v, want %d", uid, ok, want)
		}
		taken[uid] = true
	}
	if uid, ok := r.Free(taken); ok {
		t.Fatalf("%d is free", uid)
	}
	mine := os.Getuid()
	if uid, ok := (UIDRange{First: mine - 1, Last: mine}).Free(nil); ok {
		t.Fatalf("uid %d of this process is free", uid)
	}
}
