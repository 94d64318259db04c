package suite

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/ci/harness"
)

// database starts redis, which answers once what it was told is on the disk.
const database = `redis-server --dir /data --appendonly yes --appendfsync always --save "" >/dev/null &
until [ "$(redis-cli ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
`

// What a database has committed to a volume is there after the VMM was killed
// in the middle of writing, and so it is after all daemons were.
func TestVolumeSurvivesPowerCut(t *testing.T) {
	t.Parallel()
	s := harness.ForTest(t, harness.DefaultConfig())
	load(t, s, "services")
	name := unique(t)
	run(t, s, 0, "create", "--name", name, "-v", name+":/data", "demo/services", "sh", "-c", database+"while redis-cli incr n; do :; done")
	cuts := []func() error{
		func() error { return nil },
		s.KillHost, s.KillCard,
	}
	committed := 0
	for i, also := range cuts {
		run(t, s, 0, "start", name)
		eventually(t, "commits", func() bool { return lastNumber(t, s, name) > committed+20 })
		must(t, also())
		for _, pid := range s.VMs() {
			must(t, s.KillVM(pid))
		}
		if i == 1 {
			must(t, s.StartHost(t.Context()))
		}
		if i == 2 {
			must(t, s.StartCard(t.Context()))
		}
		run(t, s, 1, "wait", name)
		committed = lastNumber(t, s, name)
		out, _ := run(t, s, 0, "run", "--rm", "-v", name+":/data", "demo/services", "sh", "-c", database+"redis-cli get n")
		if found, err := strconv.Atoi(strings.TrimSpace(out)); err != nil || found < committed {
			t.Fatalf("cut %d: %q is left of %d that were committed", i, out, committed)
		}
	}
	run(t, s, 0, "rm", name)
	run(t, s, 0, "volume", "rm", name)
}

// lastNumber returns the last number that the container has printed, or 0.
func lastNumber(t *testing.T, s *harness.Stack, name string) int {
	t.Helper()
	out, _ := run(t, s, 0, "logs", "--tail", "1", name)
	n, _ := strconv.Atoi(strings.TrimSpace(out))
	return n
}

// What is deleted on a volume and in a writable layer is free on the host again,
// at the latest when the guest has unmounted both.
func TestDeletedIsGivenBack(t *testing.T) {
	t.Parallel()
	s := harness.ForTest(t, harness.DefaultConfig())
	load(t, s, "python")
	name := unique(t)
	run(t, s, 0, "run", "-d", "--name", name, "-v", name+":/data", "demo/python", "sleep", "1000")
	const written = 200 << 20
	run(t, s, 0, "exec", name, "sh", "-c", "head -c 200M /dev/zero >/data/big; head -c 200M /dev/zero >/big; sync")
	for kind, size := range takenOnHost(t, s) {
		if size < written {
			t.Errorf("%s take %d bytes after %d were written", kind, size, written)
		}
	}
	run(t, s, 0, "exec", name, "sh", "-c", "rm /data/big /big; sync")
	run(t, s, 0, "stop", "-t", "1", name)
	run(t, s, 0, "start", name) // which waits for the end of the machine
	for kind, size := range takenOnHost(t, s) {
		if size > written/2 {
			t.Errorf("%s take %d bytes after %d were deleted", kind, size, written)
		}
	}
	run(t, s, 0, "rm", "-f", name)
	run(t, s, 0, "volume", "rm", name)
}

// takenOnHost returns what volumes and writable layers take on the host, in bytes.
func takenOnHost(t *testing.T, s *harness.Stack) map[string]int64 {
	t.Helper()
	out, _ := run(t, s, 0, "system", "df", "--format", "{{json .items}}")
	var items []struct {
		Kind      string
		SizeBytes int64
	}
	must(t, json.Unmarshal([]byte(out), &items))
	sizes := make(map[string]int64)
	for _, item := range items {
		if item.Kind == "volumes" || item.Kind == "containers" {
			sizes[item.Kind] = item.SizeBytes
		}
	}
	if len(sizes) != 2 {
		t.Fatalf("%s", out)
	}
	return sizes
}
