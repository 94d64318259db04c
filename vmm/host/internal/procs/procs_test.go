package procs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sleeper starts a process that is killed when the test ends.
func sleeper(t *testing.T, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.Env = append(os.Environ(), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

func TestParseStat(t *testing.T) {
	const tail = " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20 21"
	for name, tc := range map[string]struct {
		line  string
		state byte
		start uint64
		fails bool
	}{
		"plain":        {"12 (sleep) S" + tail, 'S', 777, false},
		"odd name":     {"12 (a) Z (b) ) R" + tail, 'R', 777, false},
		"newline":      {"12 (a\nb) Z" + tail, 'Z', 777, false},
		"empty":        {"", 0, 0, true},
		"no name":      {"12 sleep S", 0, 0, true},
		"short":        {"12 (sleep) S 1 2", 0, 0, true},
		"start not 12": {"12 (sleep) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x", 0, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			state, start, err := parseStat([]byte(tc.line))
			if (err != nil) != tc.fails || (err == nil && (state != tc.state || start != tc.start)) {
				t.Fatalf("%c %d %v", state, start, err)
			}
		})
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("12 (sleep) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20 21"))
	f.Add([]byte(") "))
	f.Fuzz(func(t *testing.T, line []byte) { _, _, _ = parseStat(line) })
}

func TestWaitAndSignal(t *testing.T) {
	cmd := sleeper(t)
	id, err := Of(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	h, err := Open(id)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := h.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("wait for a live process: %v", err)
	}
	second, err := Open(id)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Close() }()
	if err := second.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := second.Wait(context.Background()); err != nil {
		t.Fatal(err)
	}
	// The process is a zombie now: ended, though its pid is taken.
	if _, err := Of(id.PID); !errors.Is(err, ErrGone) {
		t.Fatalf("zombie: %v", err)
	}
	if _, err := Open(id); !errors.Is(err, ErrGone) {
		t.Fatalf("zombie: %v", err)
	}
	child, err := OpenChild(id.PID)
	if err != nil || child.Ident() != id {
		t.Fatalf("child: %v", err)
	}
	_ = child.Close()
	_ = cmd.Wait()
	if err := second.Signal(unix.SIGKILL); !errors.Is(err, ErrGone) {
		t.Fatalf("signal to the dead: %v", err)
	}
}

func TestOpenAnother(t *testing.T) {
	cmd := sleeper(t)
	id, err := Of(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	id.Start++
	if _, err := Open(id); !errors.Is(err, ErrGone) {
		t.Fatalf("a process with another start time: %v", err)
	}
}

func TestCloseEndsWait(t *testing.T) {
	cmd := sleeper(t)
	h, err := OpenChild(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- h.Wait(context.Background()) }()
	_ = h.Close()
	if err := <-done; err == nil {
		t.Fatal("no error")
	}
}

func TestToken(t *testing.T) {
	token := Token(fmt.Sprintf("PROCS_TEST=%d", os.Getpid()))
	one, two, other := sleeper(t, string(token)), sleeper(t, "A=b", string(token)), sleeper(t, string(token)+"x")
	found, err := token.Find()
	if err != nil || len(found) != 2 {
		t.Fatalf("%v, %v", found, err)
	}
	if err := token.KillAll(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range []*exec.Cmd{one, two} {
		if _, err := Of(cmd.Process.Pid); !errors.Is(err, ErrGone) {
			t.Errorf("%d is alive", cmd.Process.Pid)
		}
	}
	if _, err := Of(other.Process.Pid); err != nil {
		t.Errorf("a process without the token was killed: %v", err)
	}
}

// A process is found from the moment that its start has succeeded.
func TestTokenOfAFreshProcess(t *testing.T) {
	for i := range 100 {
		token := Token(fmt.Sprintf("PROCS_TEST=%d.%d", os.Getpid(), i))
		cmd := sleeper(t, string(token))
		found, err := token.Find()
		if err != nil || len(found) != 1 || found[0].PID != cmd.Process.Pid {
			t.Fatalf("start %d: found %v, %v", i, found, err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCgroup2Mount(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mountinfo")
	text := "22 1 0:20 / /proc rw - proc proc rw\n" +
		"30 22 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
		"41 31 0:38 / /sys/fs/cgroup/unified rw shared:3 - cgroup2 cgroup2 rw\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if mount, err := cgroup2Mount(path); err != nil || mount != "/sys/fs/cgroup/unified" {
		t.Fatalf("%q, %v", mount, err)
	}
	if err := os.WriteFile(path, []byte("22 1 0:20 / /proc rw - proc proc rw\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := cgroup2Mount(path); err == nil {
		t.Fatal("found a hierarchy that is not there")
	}
}

// The kernel puts a child into its cgroup before its first instruction.
func TestCgroups(t *testing.T) {
	c, err := OpenCgroups(fmt.Sprintf("procs-test-%d", os.Getpid()))
	if err != nil {
		t.Skipf("no cgroups here: %v", err)
	}
	defer c.Close()
	limits := Limits{MemoryBytes: 64 << 20, CPUs: 2, CPUWeight: 200, PIDs: 50}
	dir, err := c.Make("one", limits)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &unix.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	procs, err := os.ReadFile(filepath.Join(dir.Name(), "cgroup.procs"))
	if err != nil || string(bytes.TrimSpace(procs)) != fmt.Sprint(cmd.Process.Pid) {
		t.Errorf("cgroup.procs %q, %v", procs, err)
	}
	for _, want := range limits.settings(c.lacking) {
		if text, err := os.ReadFile(filepath.Join(dir.Name(), want.file)); err != nil || string(bytes.TrimSpace(text)) != want.text {
			t.Errorf("%s is %q, %v; want %q", want.file, text, err, want.text)
		}
	}
	if u := c.Usage("one"); u.CPUMicroseconds == nil {
		t.Errorf("usage %+v", u)
	}
	if err := c.Kill("one"); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for range 2 {
		if err := errors.Join(c.Remove(t.Context(), "one"), c.Kill("one")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNoCgroups(t *testing.T) {
	var c *Cgroups
	dir, err := c.Make("x", Limits{})
	if dir != nil || errors.Join(err, c.Kill("x"), c.Remove(t.Context(), "x")) != nil {
		t.Fatal("the nil Cgroups did something")
	}
	c.Close()
}
