package suite

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cardplane/cardplane/ci/harness"
)

// numbers is what `probe count n` prints.
func numbers(n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		fmt.Fprintln(&b, i)
	}
	return b.String()
}

// started runs `probe count n interval` in the background on a stack of its
// own and returns once its first output is in the log.
func started(t *testing.T, n int, interval string) (*harness.Stack, string) {
	t.Helper()
	s := harness.ForTest(t, harness.DefaultConfig())
	load(t, s, "probe")
	name := unique(t)
	run(t, s, 0, "run", "-d", "--name", name, "demo/probe", "/probe", "count", fmt.Sprint(n), interval)
	eventually(t, "first output", func() bool {
		out, _ := run(t, s, 0, "logs", name)
		return out != ""
	})
	return s, name
}

// ended waits for the container and checks that nothing of it was lost.
func ended(t *testing.T, s *harness.Stack, name string, n int) {
	t.Helper()
	if code, _ := run(t, s, 0, "wait", name); strings.TrimSpace(code) != "0" {
		t.Errorf("exit code %q, want 0", code)
	}
	if got, _ := run(t, s, 0, "logs", name); got != numbers(n) {
		t.Errorf("the log has %d lines and ends in %q; want 1 to %d, each once", strings.Count(got, "\n"), tail(got), n)
	}
}

func tail(s string) string { return s[max(0, len(s)-40):] }

// A program that runs on must not notice that the control plane dies.
func TestContainerOutlivesControlPlane(t *testing.T) {
	t.Parallel()
	s, name := started(t, 300, "10ms")
	must(t, s.KillCard())
	must(t, s.StartCard(t.Context()))
	run(t, s, 0, "exec", name, "/probe", "exit", "0")
	ended(t, s, name, 300)
}

// A program may end while nobody watches; its exit code and output wait.
func TestProgramEndsWhileControlPlaneIsAway(t *testing.T) {
	t.Parallel()
	s, name := started(t, 50, "10ms")
	must(t, s.KillCard())
	time.Sleep(2 * time.Second) // time for the program, not for us: it may or may not have ended
	must(t, s.StartCard(t.Context()))
	ended(t, s, name, 50)
}

// Output that nobody takes blocks the program by default; none is lost.
func TestFullBufferBlocksTheProgram(t *testing.T) {
	t.Parallel()
	s := harness.ForTest(t, harness.DefaultConfig())
	load(t, s, "probe")
	name := unique(t)
	run(t, s, 0, "run", "-d", "--name", name, "demo/probe", "/probe", "count", "2000000")
	must(t, s.KillCard())
	must(t, s.StartCard(t.Context()))
	ended(t, s, name, 2000000)
}

func TestContainerOutlivesHostDaemon(t *testing.T) {
	t.Parallel()
	s, name := started(t, 300, "10ms")
	must(t, s.KillHost())
	must(t, s.StartHost(t.Context()))
	eventually(t, "exec works again", func() bool {
		_, _, code := finish(t, cardctl(t, s, "exec", name, "/probe", "exit", "0"))
		return code == 0
	})
	ended(t, s, name, 300)
}

func TestContainerOutlivesBothDaemons(t *testing.T) {
	t.Parallel()
	s, name := started(t, 300, "10ms")
	must(t, s.KillCard())
	must(t, s.KillHost())
	must(t, s.StartHost(t.Context()))
	must(t, s.StartCard(t.Context()))
	ended(t, s, name, 300)
}

// However far a start has come when the control plane dies, the container
// ends in a state that it can be removed from, and then nothing is left.
func TestControlPlaneDiesDuringStart(t *testing.T) {
	t.Parallel()
	s := harness.ForTest(t, harness.DefaultConfig())
	load(t, s, "probe")
	for i := range 6 {
		name := fmt.Sprintf("%s-%d", unique(t), i)
		cmd := cardctl(t, s, "run", "-d", "--name", name, "demo/probe", "/probe", "count", "3")
		must(t, cmd.Start())
		time.Sleep(time.Duration(i) * 250 * time.Millisecond) // a different place in the start each time
		must(t, s.KillCard())
		_ = cmd.Wait() // its connection is gone
		must(t, s.StartCard(t.Context()))
		if out, _ := run(t, s, 0, "ps", "-a"); !strings.Contains(out, name) {
			continue // it died before the create
		}
		run(t, s, 0, "rm", "-f", name)
	}
	eventually(t, "no VM is left", func() bool { return len(s.VMs()) == 0 })
}

// The VMM's death is the container's failure, with a reason, and no more.
func TestMachineDies(t *testing.T) {
	t.Parallel()
	s, name := started(t, 1000, "100ms")
	for _, pid := range s.VMs() {
		must(t, s.KillVM(pid))
	}
	if _, stderr := run(t, s, 1, "wait", name); !strings.Contains(stderr, "lost") {
		t.Errorf("wait does not say why there is no exit code: %s", stderr)
	}
	out, _ := run(t, s, 0, "inspect", name)
	if !strings.Contains(out, `"state": "failed"`) || !strings.Contains(out, `"endReason": "vmm_died"`) {
		t.Errorf("inspect says %s", out)
	}
	run(t, s, 0, "rm", name)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
