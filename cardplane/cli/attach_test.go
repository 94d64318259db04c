package cli_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/cardplanetest"
)

// end waits for cardctl's end and checks its exit code.
func (c *process) end(t *testing.T, want int) {
	t.Helper()
	select {
	case code := <-c.code:
		if code != want {
			t.Errorf("exit code %d, want %d; stdout %q, stderr %q", code, want, c.out, c.err)
		}
	case <-time.After(patience):
		t.Fatalf("cardctl did not end; stdout %q, stderr %q", c.out, c.err)
	}
}

// trapper prints the signals it gets and ends at SIGUSR1.
var trapper = cardplanetest.Program{
	Traps: []int{int(syscall.SIGINT), int(syscall.SIGTERM), int(syscall.SIGUSR1)},
	Run: func(p *cardplanetest.Process) int {
		_, _ = fmt.Fprintln(p.Stdout, "ready")
		for {
			select {
			case n := <-p.Signals:
				_, _ = fmt.Fprintf(p.Stdout, "signal %d\n", n)
				if n == int(syscall.SIGUSR1) {
					return 42
				}
			case <-p.Context().Done():
				return 1
			}
		}
	},
}

func TestSignalsArePassedOn(t *testing.T) {
	p := newPlane(t)
	p.AddProgram("trapper", trapper)
	c := p.start("run", "--name", "c", "test", "trapper")
	c.out.waitFor(t, "ready")
	c.signals <- syscall.SIGINT
	c.out.waitFor(t, "signal 2\n")
	c.signals <- syscall.SIGTERM
	c.out.waitFor(t, "signal 15\n")
	c.signals <- syscall.SIGUSR1
	c.out.waitFor(t, "signal 10\n")
	c.end(t, 42)
}

func TestInterruptEndsAPlainProgram(t *testing.T) {
	p := newPlane(t)
	c := p.start("run", "test", "sh", "-c", "echo ready; sleep 1000")
	c.out.waitFor(t, "ready")
	c.signals <- syscall.SIGINT
	c.end(t, 130)
}

// The third interrupt ends cardctl though the program ignores them.
func TestThirdInterruptForces(t *testing.T) {
	p := newPlane(t)
	p.AddProgram("trapper", trapper)
	c := p.start("run", "--name", "c", "test", "trapper")
	c.out.waitFor(t, "ready")
	for range 3 {
		c.signals <- syscall.SIGINT
	}
	c.end(t, 1)
	if !strings.Contains(c.err.String(), "got 3 SIGTERM/SIGINTs, forcefully exiting") {
		t.Errorf("stderr %q", c.err)
	}
	if got := p.must("ps", "-q"); got == "" {
		t.Error("the container was stopped")
	}
}

// A signal that comes before the program runs reaches it once it does.
func TestSignalBeforeStart(t *testing.T) {
	p := newPlane(t)
	p.AddProgram("trapper", trapper)
	starting, proceed := make(chan struct{}), make(chan struct{})
	p.OnStart(func(ctx context.Context, _ cardplane.Container) error {
		close(starting)
		<-proceed
		return nil
	})
	c := p.start("run", "test", "trapper")
	<-starting
	c.signals <- syscall.SIGUSR1
	close(proceed)
	c.end(t, 42)
}

func TestSigProxyOff(t *testing.T) {
	p := newPlane(t)
	c := p.start("run", "--sig-proxy=false", "test", "sh", "-c", "echo ready; sleep 1000")
	c.out.waitFor(t, "ready")
	c.signals <- syscall.SIGINT
	c.end(t, 130)
	if got := p.must("ps", "-q"); got == "" {
		t.Error("the container was stopped")
	}
}

func TestSignalEndsOtherCommands(t *testing.T) {
	p := newPlane(t)
	p.must("run", "-d", "--name", "c", "test", "sh", "-c", "echo ready; sleep 1000")
	for _, args := range []string{"logs -f c", "wait c", "events --since 0"} {
		c := p.start(strings.Fields(args)...)
		if !strings.HasPrefix(args, "wait") {
			c.out.waitFor(t, "ea")
		}
		c.signals <- syscall.SIGTERM
		c.end(t, 143)
	}
}

func TestInput(t *testing.T) {
	p := newPlane(t)
	c := p.start("run", "-i", "test", "cat")
	_, _ = io.WriteString(c.in, "one\n")
	c.out.waitFor(t, "one\n")
	_, _ = io.WriteString(c.in, "two\n")
	c.out.waitFor(t, "two\n")
	_ = c.in.Close()
	c.end(t, 0)
}

// cardctl ends with the program, although nobody closes its stdin.
func TestProgramEndsFirst(t *testing.T) {
	p := newPlane(t)
	c := p.start("run", "-i", "test", "sh", "-c", "exit 6")
	c.end(t, 6)
}

func TestAttachAndFollow(t *testing.T) {
	p := newPlane(t)
	p.must("run", "-d", "-i", "--name", "c", "test", "sh", "-c", "echo early; read x; echo late; exit 8")
	follow := p.start("logs", "-f", "c")
	follow.out.waitFor(t, "early\n")
	wait := p.start("wait", "c")
	attach := p.start("attach", "c")
	_, _ = io.WriteString(attach.in, "\n")
	attach.end(t, 8)
	follow.end(t, 0)
	wait.end(t, 0)
	if attach.out.String() != "late\n" || follow.out.String() != "early\nlate\n" || wait.out.String() != "8\n" {
		t.Errorf("attach %q, logs %q, wait %q", attach.out, follow.out, wait.out)
	}
}

// terminalProcess runs cardctl on a terminal.
func (p *plane) terminal(args ...string) (c *process, keyboard, screen *os.File) {
	p.t.Helper()
	keyboard, screen, err := pty.Open()
	if err != nil {
		p.t.Skipf("no pseudo-terminal: %v; mount devpts", err)
	}
	if err := pty.Setsize(screen, &pty.Winsize{Rows: 33, Cols: 99}); err != nil {
		p.t.Fatal(err)
	}
	c = &process{out: newOutput(), err: newOutput(), in: keyboard, signals: make(chan os.Signal), code: make(chan int, 1)}
	app := p.app(screen, screen, screen)
	app.Signals = c.signals
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(c.out, keyboard)
	}()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.code <- app.Run(context.Background(), args)
	}()
	p.t.Cleanup(func() {
		<-done
		_ = screen.Close()
		_ = keyboard.Close()
		<-copied
	})
	return c, keyboard, screen
}

func (c *process) keys(t *testing.T, keys string) {
	t.Helper()
	if _, err := io.WriteString(c.in, keys); err != nil {
		t.Fatal(err)
	}
}

func TestTerminal(t *testing.T) {
	p := newPlane(t)
	c, keyboard, screen := p.terminal("run", "-it", "--name", "c", "test", "sh")
	c.keys(t, "stty size\n")
	c.out.waitFor(t, "33 99\n")
	if err := pty.Setsize(keyboard, &pty.Winsize{Rows: 44, Cols: 111}); err != nil {
		t.Fatal(err)
	}
	c.signals <- syscall.SIGWINCH
	// The signal and the keys take different ways.
	for round := 0; !strings.Contains(c.out.String(), "44 111\n"); round++ {
		done := fmt.Sprintf("round %d\n", round)
		c.keys(t, "stty size\necho "+done)
		c.out.waitFor(t, "\n"+done)
	}
	c.keys(t, "exit 5\n")
	c.end(t, 5)
	if strings.Contains(c.out.String(), "exit 5") {
		t.Errorf("the terminal echoed: it was not raw; %q", c.out)
	}
	if _, err := term.GetState(int(screen.Fd())); err != nil {
		t.Error(err)
	}
}

// With a terminal, Ctrl-C is a byte and no signal.
func TestTerminalPassesKeysOn(t *testing.T) {
	p := newPlane(t)
	c, _, _ := p.terminal("run", "-it", "test", "sh", "-c", "echo ready; cat")
	c.out.waitFor(t, "ready\n") // the terminal is raw before the program starts
	c.keys(t, "a\x03b\x10c")
	c.out.waitFor(t, "a\x03b\x10c")
	c.keys(t, "\x10\x11")
	c.out.waitFor(t, "read escape sequence")
	c.end(t, 0)
	if got := p.must("ps", "-q"); got == "" {
		t.Error("detaching stopped the container")
	}
}

func TestDetachAndAttachAgain(t *testing.T) {
	p := newPlane(t)
	c, _, _ := p.terminal("run", "-it", "--name", "c", "--detach-keys", "ctrl-a,d", "test", "sh")
	c.keys(t, "echo one\n")
	c.out.waitFor(t, "one\n")
	c.keys(t, "\x01d")
	c.end(t, 0)
	c, _, _ = p.terminal("attach", "c")
	c.keys(t, "echo two\n")
	c.out.waitFor(t, "two\n")
	c.keys(t, "exit 9\n")
	c.end(t, 9)
}

func TestExecTerminal(t *testing.T) {
	p := newPlane(t)
	p.must("run", "-d", "--name", "c", "test", "sleep", "1000")
	c, _, _ := p.terminal("exec", "-it", "c", "sh")
	c.keys(t, "stty size\n")
	c.out.waitFor(t, "33 99\n")
	c.keys(t, "exit 2\n")
	c.end(t, 2)
}
