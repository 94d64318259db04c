package suite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cardplane/cardplane/ci/harness"
)

// shared is the stack that tests use which break nothing.
var shared = struct {
	once  sync.Once
	stack *harness.Stack
	err   error
}{}

func TestMain(m *testing.M) {
	harness.EndOnInterrupt()
	code := m.Run()
	if s := shared.stack; s != nil {
		if err := s.Close(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "the shared stack did not end clean:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// sharedStack returns the shared stack, with all test images loaded, and a
// template of the usual size, which saves most tests a boot.
func sharedStack(t *testing.T) *harness.Stack {
	t.Helper()
	harness.NeedGuests(t)
	shared.once.Do(func() { shared.stack, shared.err = startShared() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(shared.stack.Logs())
		}
	})
	return shared.stack
}

func startShared() (*harness.Stack, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cfg := harness.DefaultConfig()
	cfg.CardArgs = append(cfg.CardArgs, "--templates", "2")
	s, err := harness.Start(ctx, cfg)
	if err != nil {
		return nil, err
	}
	for _, archive := range []string{"probe", "python", "services"} {
		if out, err := impatient(s.Cardctl(ctx, "load", harness.Archive(archive))).CombinedOutput(); err != nil {
			return s, fmt.Errorf("load %s: %w: %s", archive, err, out)
		}
	}
	return s, s.AwaitTemplates(ctx, 1)
}

// load loads one of the test images.
func load(t *testing.T, s *harness.Stack, name string) {
	t.Helper()
	run(t, s, 0, "load", harness.Archive(name))
}

// run runs cardctl, checks its exit code and returns what it printed.
func run(t *testing.T, s *harness.Stack, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	stdout, stderr, code := finish(t, cardctl(t, s, args...))
	if code != want {
		t.Fatalf("cardctl %s: exit code %d, want %d\nstdout: %s\nstderr: %s", strings.Join(args, " "), code, want, stdout, stderr)
	}
	return stdout, stderr
}

func finish(t *testing.T, cmd *exec.Cmd) (stdout, stderr string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v\n%s", filepath.Base(cmd.Path), err, &e)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// patience is how long a test waits for anything: far more than anything
// takes, so that what hangs is a failure that tells where it hangs.
const patience = 5 * time.Minute

// patient returns a context for one wait of a test, its cleanup included.
func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// cardctl returns a cardctl command that ends when it hangs.
func cardctl(t *testing.T, s *harness.Stack, args ...string) *exec.Cmd {
	return impatient(s.Cardctl(patient(t), args...))
}

// impatient has a command print its goroutines and end when its context does,
// by a signal that cardctl does not pass on.
func impatient(cmd *exec.Cmd) *exec.Cmd {
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGABRT) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// unique makes a container name that no other test uses.
func unique(t *testing.T) string {
	clean := strings.NewReplacer("/", "-", "_", "-").Replace(t.Name())
	return strings.ToLower(clean) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
}

// eventually polls for something that the public API has no wait for.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}
