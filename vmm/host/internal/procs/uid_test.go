package procs

import (
	"os"
	"path/filepath"
	"sync"
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

// owner makes a VM's run directory.
func owner(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "vm")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTakeUID(t *testing.T) {
	r := UIDRange{First: 2100000000, Last: 2100000003}
	claims := Claims(filepath.Join(t.TempDir(), "uids"))
	first := owner(t)
	take := func(owner string, want int) {
		t.Helper()
		if uid, err := claims.Take(r, owner, map[int]bool{2100000002: true}); err != nil || uid != want {
			t.Fatalf("took %d, %v, want %d", uid, err, want)
		}
	}
	take(first, 2100000001)
	take(owner(t), 2100000003) // the one between is known to be taken
	take(owner(t), 0)
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	take(owner(t), 2100000001)
	mine := os.Getuid()
	if uid, err := claims.Take(UIDRange{First: mine - 1, Last: mine}, owner(t), nil); err != nil || uid != 0 {
		t.Fatalf("took uid %d of this process, %v", uid, err)
	}
}

// Daemons that start VMs at the same moment give each a uid of its own.
func TestTakeUIDAtOnce(t *testing.T) {
	const daemons, each = 4, 25
	r := UIDRange{First: 2100001000, Last: 2100001000 + daemons*each}
	dir := Claims(t.TempDir())
	var mu sync.Mutex
	var daemon sync.WaitGroup
	had := map[int]bool{}
	for range daemons {
		daemon.Go(func() {
			for range each {
				uid, err := dir.Take(r, owner(t), nil)
				mu.Lock()
				if err != nil || uid == 0 || had[uid] {
					t.Errorf("took uid %d, %v", uid, err)
				}
				had[uid] = true
				mu.Unlock()
			}
		})
	}
	daemon.Wait()
}
