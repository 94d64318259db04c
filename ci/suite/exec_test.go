package suite

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/cardplane/cardplane/ci/harness"
)

// Fifty commands at once in one container all run, each with its own output and
// exit code.
func TestFiftyExecsAtOnce(t *testing.T) {
	t.Parallel()
	s := sharedStack(t)
	name := unique(t)
	run(t, s, 0, "run", "-d", "--name", name, "demo/probe", "/probe", "forever")
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			cmd := cardctl(t, s, "exec", name, "/probe", "count", fmt.Sprint(i+1))
			if out, err := cmd.Output(); err != nil || string(out) != numbers(i+1) {
				t.Errorf("exec %d: %v, %q", i, err, out)
			}
		})
	}
	wg.Wait()
	run(t, s, 0, "rm", "-f", name)
}

// An exec outlives its client and the control plane, and is joined again by its
// id: what it wrote meanwhile is there, and its exit code.
func TestExecOutlivesItsClients(t *testing.T) {
	t.Parallel()
	s := harness.ForTest(t, harness.DefaultConfig())
	load(t, s, "python")
	name := unique(t)
	run(t, s, 0, "run", "-d", "--name", name, "demo/python", "sleep", "1000")
	id, _ := run(t, s, 0, "exec", "-d", name, "sh", "-c", "echo before; until [ -e /go ]; do sleep 0.1; done; echo after; exit 9")
	id = strings.TrimSpace(id)
	must(t, s.KillCard())
	must(t, s.StartCard(t.Context()))
	if out, _ := run(t, s, 0, "execs", name); !strings.Contains(out, id) || !strings.Contains(out, "Running") {
		t.Errorf("execs: %s", out)
	}
	run(t, s, 0, "exec", name, "touch", "/go")
	if out, _ := run(t, s, 9, "attach", "--exec", id, name); out != "before\nafter\n" {
		t.Errorf("attached: %q", out)
	}
	if out, _ := run(t, s, 0, "execs", name); !strings.Contains(out, "Exited (9)") {
		t.Errorf("execs: %s", out)
	}
	run(t, s, 0, "rm", "-f", name)
}
