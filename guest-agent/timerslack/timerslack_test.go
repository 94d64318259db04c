package timerslack_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/guest-agent/timerslack"
)

// widenedEnv makes this test program widen its slack and print what came of it.
const widenedEnv = "CARDPLANE_TEST_WIDENED"

func TestMain(m *testing.M) {
	if os.Getenv(widenedEnv) != "" {
		if err := printSlacks(); err != nil {
			println(err.Error())
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// printSlacks widens and prints the slacks of this program's threads, and then
// of two children, in nanoseconds: one started without Usual, one with it.
func printSlacks() error {
	if err := timerslack.Widen(3 * time.Millisecond); err != nil {
		return err
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, thread := range threads {
		slack, err := os.ReadFile(filepath.Join("/proc", thread.Name(), "timerslack_ns"))
		if err != nil {
			return err
		}
		if _, err := os.Stdout.Write(slack); err != nil {
			return err
		}
	}
	child := func() error {
		cmd := exec.Command("/bin/cat", "/proc/self/timerslack_ns")
		cmd.Stdout = os.Stdout
		return cmd.Run()
	}
	if _, err := os.Stdout.WriteString("children\n"); err != nil {
		return err
	}
	if err := child(); err != nil {
		return err
	}
	return timerslack.Usual(child)
}

func TestWiden(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), widenedEnv+"=1")
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "operation not permitted") {
		t.Skip("needs CAP_SYS_NICE: run it as root")
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	threads, children, _ := strings.Cut(string(out), "children\n")
	lines := strings.Fields(threads)
	if len(lines) < 2 {
		t.Fatalf("slacks of %d threads, want some: %s", len(lines), out)
	}
	for _, slack := range lines {
		if slack != "3000000" {
			t.Errorf("a thread's slack is %s ns, want 3000000", slack)
		}
	}
	if got, want := strings.Join(strings.Fields(children), " "), "3000000 50000"; got != want {
		t.Errorf("slacks of children: %s, want %s", got, want)
	}
}

func TestUsualRestores(t *testing.T) {
	want := os.ErrClosed
	var before, during, after int
	slack := func() int {
		n, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
		if err != nil {
			t.Error(err)
		}
		return n
	}
	done := make(chan struct{})
	go func() { // on a thread of its own, which ends with it
		defer close(done)
		runtime.LockOSThread()
		if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 2_000_000, 0, 0, 0); err != nil {
			t.Error(err)
		}
		before = slack()
		if err := timerslack.Usual(func() error { during = slack(); return want }); !errors.Is(err, want) {
			t.Errorf("got error %v, want start's", err)
		}
		after = slack()
	}()
	<-done
	if before != 2_000_000 || during != 50_000 || after != 2_000_000 {
		t.Errorf("slack %d, %d in Usual, %d after it; want 2000000, 50000, 2000000", before, during, after)
	}
}
