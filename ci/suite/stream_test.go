package suite

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

// terminal runs cardctl on a pseudo-terminal.
type terminal struct {
	t   *testing.T
	cmd *exec.Cmd
	tty *os.File

	mu   sync.Mutex
	seen bytes.Buffer
	done chan struct{}
}

func onTerminal(t *testing.T, cmd *exec.Cmd, size pty.Winsize) *terminal {
	t.Helper()
	tty, err := pty.StartWithSize(cmd, &size)
	must(t, err)
	term := &terminal{t: t, cmd: cmd, tty: tty, done: make(chan struct{})}
	go func() {
		defer close(term.done)
		_, _ = io.Copy(term, tty) // ends with EIO when the program closes its side
	}()
	t.Cleanup(func() { _ = tty.Close(); <-term.done })
	return term
}

// Write collects what the terminal shows.
func (term *terminal) Write(p []byte) (int, error) {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.seen.Write(p)
}

func (term *terminal) shows(text string) {
	term.t.Helper()
	defer func() {
		if term.t.Failed() {
			term.t.Logf("the terminal shows %q", term.text())
		}
	}()
	eventually(term.t, "the terminal shows "+text, func() bool { return strings.Contains(term.text(), text) })
}

func (term *terminal) text() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.seen.String()
}

func (term *terminal) types(text string) {
	term.t.Helper()
	_, err := term.tty.WriteString(text)
	must(term.t, err)
}

func (term *terminal) exits(code int) {
	term.t.Helper()
	_ = term.cmd.Wait()
	if got := term.cmd.ProcessState.ExitCode(); got != code {
		term.t.Errorf("exit code %d, want %d; the terminal shows %q", got, code, term.text())
	}
}

func TestInteractiveShell(t *testing.T) {
	t.Parallel()
	s := sharedStack(t)
	term := onTerminal(t, cardctl(t, s, "run", "-it", "--rm", "demo/python", "bash"), pty.Winsize{Rows: 30, Cols: 101})
	term.types("stty size\n")
	term.shows("30 101")
	must(t, pty.Setsize(term.tty, &pty.Winsize{Rows: 40, Cols: 77}))
	must(t, term.cmd.Process.Signal(syscall.SIGWINCH))
	eventually(t, "the guest's terminal has the new size", func() bool {
		term.types("stty size\n")
		return strings.Contains(term.text(), "40 77")
	})
	// Ctrl-C reaches the program in the guest, not cardctl. It is the program
	// that says it runs: an interrupt between the fork and the exec is the
	// shell's, which then takes it for its own and waits for ever.
	term.types("sh -c 'echo sle\"\"eping; exec sleep 1000'\n")
	term.shows("sleeping")
	term.types("\x03")
	term.types("echo still-$((40+2))\n")
	term.shows("still-42")
	term.types("exit 5\n")
	term.exits(5)
}

func TestDetachAndAttach(t *testing.T) {
	t.Parallel()
	s := sharedStack(t)
	name := unique(t)
	term := onTerminal(t, cardctl(t, s, "run", "-it", "--name", name, "demo/python", "bash"), pty.Winsize{Rows: 24, Cols: 80})
	term.types("echo fir''st\n")
	term.shows("first")
	term.types("\x10\x11") // Ctrl-P Ctrl-Q
	term.exits(0)
	if out, _ := run(t, s, 0, "ps"); !strings.Contains(out, name) {
		t.Fatalf("detaching stopped the container: %s", out)
	}
	term = onTerminal(t, cardctl(t, s, "attach", name), pty.Winsize{Rows: 24, Cols: 80})
	term.types("echo sec''ond; exit 6\n")
	term.shows("second")
	term.exits(6)
	run(t, s, 0, "rm", name)
}

func TestExecOnTerminal(t *testing.T) {
	t.Parallel()
	s := sharedStack(t)
	name := unique(t)
	run(t, s, 0, "run", "-d", "--name", name, "demo/python", "sleep", "1000")
	term := onTerminal(t, cardctl(t, s, "exec", "-it", name, "bash"), pty.Winsize{Rows: 31, Cols: 91})
	term.types("tty; stty size; exit 8\n")
	term.shows("/dev/pts/")
	term.shows("31 91")
	term.exits(8)
	run(t, s, 0, "rm", "-f", name)
}

// Ctrl-C without a terminal is the program's SIGINT, as in docker.
func TestInterruptWithoutTerminal(t *testing.T) {
	t.Parallel()
	s := sharedStack(t)
	script := "trap 'echo interrupted; exit 4' INT; echo ready; while :; do sleep 0.1; done"
	cmd := cardctl(t, s, "run", "--rm", "demo/python", "bash", "-c", script)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	ready := make([]byte, 6)
	_, err = io.ReadFull(out, ready)
	must(t, err)
	must(t, cmd.Process.Signal(syscall.SIGINT))
	rest, err := io.ReadAll(out)
	must(t, err)
	_ = cmd.Wait()
	if !strings.Contains(string(rest), "interrupted") || cmd.ProcessState.ExitCode() != 4 {
		t.Errorf("exit code %d after %q", cmd.ProcessState.ExitCode(), rest)
	}
}

// Output comes whole and in order, however much it is.
func TestMuchOutput(t *testing.T) {
	t.Parallel()
	s := sharedStack(t)
	const n = 20_000_000
	got, _ := run(t, s, 0, "run", "--rm", "demo/probe", "/probe", "write", "20000000")
	if len(got) != n {
		t.Fatalf("%d bytes, want %d", len(got), n)
	}
	if got != letters(n) {
		t.Fatal("the bytes are not those that were written")
	}
}

func TestMuchInput(t *testing.T) {
	t.Parallel()
	s := sharedStack(t)
	cmd := cardctl(t, s, "run", "--rm", "-i", "demo/probe", "/probe", "sink")
	cmd.Stdin = io.LimitReader(zeros{}, 5_000_000)
	stdout, stderr, code := finish(t, cmd)
	if code != 0 || strings.TrimSpace(stdout) != "5000000" {
		t.Fatalf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestEightAtOnce(t *testing.T) {
	t.Parallel()
	s := sharedStack(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			out, err := cardctl(t, s, "run", "--rm", "demo/probe", "/probe", "count", "3").CombinedOutput()
			if err != nil || string(out) != numbers(3) {
				t.Errorf("%v: %s", err, out)
			}
		}()
	}
	wg.Wait()
}
