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
	code := m.Run()
	if s := shared.stack; s != nil {
		if err := s.Close(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "the shared stack did not end clean:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// sharedStack returns the shared stack, with all test images loaded.
func sharedStack(t *testing.T) *harness.Stack {
	t.Helper()
	harness.NeedGuests(t)
	shared.once.Do(func() {
		shared.stack, shared.err = harness.Start(context.Background(), harness.DefaultConfig())
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(shared.stack.Logs())
		}
	})
	for _, archive := range []string{"probe", "python", "services"} {
		load(t, shared.stack, archive)
	}
	return shared.stack
}

// load loads one of the test images unless the stack has it.
func load(t *testing.T, s *harness.Stack, name string) {
	t.Helper()
	if out, _ := s.Cardctl(context.Background(), "images").Output(); bytes.Contains(out, []byte("demo/"+name)) {
		return
	}
	run(t, s, 0, "load", harness.Archive(name))
}

// run runs cardctl, checks its exit code and returns what it printed.
func run(t *testing.T, s *harness.Stack, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	cmd := s.Cardctl(context.Background(), args...)
	stdout, stderr, code := finish(t, cmd)
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
		t.Fatalf("%s: %v", filepath.Base(cmd.Path), err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// unique makes a container name that no other test uses.
func unique(t *testing.T) string {
	clean := strings.NewReplacer("/", "-", "_", "-").Replace(t.Name())
	return strings.ToLower(clean) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
}

// eventually polls for something that the public API has no wait for.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}
