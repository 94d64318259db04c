package suite

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardplane/cardplane/ci/harness"
	"github.com/cardplane/cardplane/vmm/link/linktest"
	"github.com/cardplane/cardplane/vmm/pinned/pinnedtest"
)

// wired starts a stack whose link can be cut, with the small test image.
func wired(t *testing.T) *harness.Stack {
	t.Helper()
	cfg := harness.DefaultConfig()
	cfg.Relay = true
	s := harness.ForTest(t, cfg)
	load(t, s, "probe")
	return s
}

// wiredOverTLS is wired with a link over TLS.
func wiredOverTLS(t *testing.T) *harness.Stack {
	t.Helper()
	cfg := harness.DefaultConfig()
	if cfg.ComputeHost != "" {
		t.Skip("the emulated compute host has no network but its vsock")
	}
	dir, address := t.TempDir(), freePort(t)
	for _, name := range []string{"host", "card"} {
		pinnedtest.Identity(t, dir, name)
	}
	relay := freePort(t)
	wire, err := linktest.NewTCP(relay, linktest.TCP(address))
	must(t, err)
	t.Cleanup(func() { _ = wire.Close() })
	cfg.Reachable = true
	cfg.HostArgs = append(cfg.HostArgs, "--listen", pinnedtest.Endpoint(dir, address, "host", "card"))
	cfg.CardArgs = append(cfg.CardArgs, "--link", pinnedtest.Endpoint(dir, relay, "card", "host"))
	s := harness.ForTest(t, cfg)
	s.Wire = wire
	load(t, s, "probe")
	return s
}

// cutAt takes the link down after n more bytes in a direction, and up again.
// The link is whole when the test ends.
func cutAt(t *testing.T, s *harness.Stack, d linktest.Direction, n int64) {
	t.Helper()
	var mended sync.WaitGroup
	cut := s.Wire.DownAfter(d, n)
	mended.Go(func() {
		<-cut
		if err := s.Wire.Up(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		must(t, s.Wire.Up())
		mended.Wait()
	})
}

// awaitCut takes the link down after n more bytes in a direction, and returns
// then.
func (c *cutBed) awaitCut(d linktest.Direction, n int64) {
	c.Helper()
	select {
	case <-c.s.Wire.DownAfter(d, n):
	case <-patient(c.T).Done():
		c.Fatalf("fewer than %d bytes have passed in %v", n, patience)
	}
}

// started runs a program in the background and waits until it has written.
func (c *cutBed) started(program ...string) string {
	c.Helper()
	name := unique(c.T)
	run(c.T, c.s, 0, append([]string{"run", "-d", "--name", name, "demo/probe", "/probe"}, program...)...)
	eventually(c.T, "first output", func() bool {
		out, _ := run(c.T, c.s, 0, "logs", name)
		return out != ""
	})
	return name
}

type cutBed struct {
	*testing.T
	s *harness.Stack
}

// Each command is cut at several places: not a byte of output is lost or
// doubled, exit codes are right, and the stack's end finds nothing left.
func TestLinkIsCut(t *testing.T) {
	t.Parallel()
	s := wired(t)
	for _, tc := range []cutCase{
		{"upload", (*cutBed).upload},
		{"life", (*cutBed).life},
		{"exec", (*cutBed).exec},
		{"followers", (*cutBed).followers},
		{"commands", (*cutBed).commands},
		{"hanging", (*cutBed).hanging},
		{"adoption", (*cutBed).adoption},
	} {
		tc.run(t, s)
	}
	eventually(t, "no VM is left", func() bool { return len(s.VMs()) == 0 })
}

// Over TLS a cut falls into handshakes and records too.
func TestTLSLinkIsCut(t *testing.T) {
	t.Parallel()
	harness.NeedGuests(t)
	s := wiredOverTLS(t)
	for _, tc := range []cutCase{
		{"upload", (*cutBed).upload},
		{"life", (*cutBed).life},
		{"exec", (*cutBed).exec},
		{"followers", (*cutBed).followers},
	} {
		tc.run(t, s)
	}
	eventually(t, "no VM is left", func() bool { return len(s.VMs()) == 0 })
}

// cutCase is something that is done while the link is cut.
type cutCase struct {
	name string
	fn   func(c *cutBed)
}

func (tc cutCase) run(t *testing.T, s *harness.Stack) {
	t.Run(tc.name, func(t *testing.T) {
		defer s.Wire.Resume()
		defer func() { must(t, s.Wire.Up()) }()
		tc.fn(&cutBed{t, s})
	})
}

// upload is the first start of an image, which brings all files to the host.
// It is cut three times and vmmd is killed once, and what had arrived is not
// sent again.
func (c *cutBed) upload() {
	before := c.s.Wire.Bytes(linktest.ToHost)
	done := make(chan error, 1)
	cmd := cardctl(c.T, c.s, "run", "--rm", "demo/probe", "/probe", "exit", "3")
	go func() { done <- cmd.Run() }()
	for i := range 3 {
		c.awaitCut(linktest.ToHost, 4<<20)
		if i == 1 {
			must(c.T, c.s.KillHost())
			must(c.T, c.s.StartHost(c.Context()))
		}
		must(c.T, c.s.Wire.Up())
	}
	<-done
	if code := cmd.ProcessState.ExitCode(); code != 3 {
		c.Errorf("exit code %d, want 3", code)
	}
	first := c.s.Wire.Bytes(linktest.ToHost) - before
	run(c.T, c.s, 3, "run", "--rm", "demo/probe", "/probe", "exit", "3")
	second := c.s.Wire.Bytes(linktest.ToHost) - before - first
	c.Logf("bytes to the host: %d for the first start of an image, %d for the second", first, second)
	if second > 1<<20 {
		c.Errorf("%d bytes were sent for an image that the host has", second)
	}
}

// life is a container from its start to its end, output included.
func (c *cutBed) life() {
	const places = 3
	ways := []linktest.Direction{linktest.ToHost, linktest.ToCard}
	var total [2]int64
	for _, d := range ways {
		total[d] = -c.s.Wire.Bytes(d)
	}
	run(c.T, c.s, 0, "run", "--rm", "demo/probe", "/probe", "count", "5000")
	for _, d := range ways {
		total[d] += c.s.Wire.Bytes(d)
	}
	for _, d := range ways {
		for i := range int64(places) {
			c.Run(fmt.Sprintf("%d-%d", d, i), func(t *testing.T) {
				cutAt(t, c.s, d, max(1, total[d]*i/places))
				name := unique(t)
				if out, _ := run(t, c.s, 0, "run", "--name", name, "demo/probe", "/probe", "count", "5000"); out != numbers(5000) {
					t.Errorf("%d bytes of output that end in %q", len(out), tail(out))
				}
				ended(t, c.s, name, 5000)
				run(t, c.s, 0, "rm", name)
			})
		}
	}
}

// letters is what `probe write n` prints.
func letters(n int) string {
	const line = "abcdefghijklmnopqrstuvwxyz012345\n"
	return strings.Repeat(line, n/len(line)+1)[:n]
}

// exec moves megabytes both ways through execs.
func (c *cutBed) exec() {
	name := c.started("forever")
	for _, n := range []int64{1, 3000, 100_000, 1_000_000} {
		c.Run(fmt.Sprint(n), func(t *testing.T) {
			cutAt(t, c.s, linktest.ToCard, n)
			out, _ := run(t, c.s, 0, "exec", name, "/probe", "write", "3000000")
			if want := letters(3_000_000); out != want {
				t.Errorf("%d bytes of output, want %d", len(out), len(want))
			}
			cutAt(t, c.s, linktest.ToHost, n)
			cmd := cardctl(t, c.s, "exec", "-i", name, "/probe", "sink")
			cmd.Stdin = io.LimitReader(zeros{}, 3_000_000)
			stdout, stderr, code := finish(t, cmd)
			if code != 0 || strings.TrimSpace(stdout) != "3000000" {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
			}
			cutAt(t, c.s, linktest.ToHost, n)
			run(t, c.s, 9, "exec", name, "/probe", "exit", "9")
		})
	}
	run(c.T, c.s, 0, "rm", "-f", name)
}

// follower is a cardctl that goes on while the link is cut.
type follower struct {
	cmd    *exec.Cmd
	out    bytes.Buffer
	waited sync.WaitGroup
}

func (c *cutBed) follow(args ...string) *follower {
	c.Helper()
	f := &follower{cmd: cardctl(c.T, c.s, args...)}
	f.cmd.Stdout, f.cmd.Stderr = &f.out, c.Output()
	must(c.T, f.cmd.Start())
	f.waited.Go(func() { _ = f.cmd.Wait() })
	return f
}

// followers are cut again and again while they watch a program.
func (c *cutBed) followers() {
	const n = 400
	name := c.started("count", fmt.Sprint(n), "10ms")
	logs := c.follow("logs", "-f", name)
	wait := c.follow("wait", name)
	attach := c.follow("attach", name)
	for i := range int64(6) {
		c.awaitCut(linktest.ToCard, 100+i*150)
		must(c.T, c.s.Wire.Up())
	}
	for _, f := range []*follower{logs, wait, attach} {
		f.waited.Wait()
		if code := f.cmd.ProcessState.ExitCode(); code != 0 {
			c.Errorf("%v: exit code %d", f.cmd.Args[1:], code)
		}
	}
	if got := logs.out.String(); got != numbers(n) {
		c.Errorf("logs -f has %d lines and ends in %q", strings.Count(got, "\n"), tail(got))
	}
	if got := wait.out.String(); got != "0\n" {
		c.Errorf("wait says %q", got)
	}
	if got := attach.out.String(); !strings.HasSuffix(numbers(n), got) || got == "" {
		c.Errorf("attach has %d lines and ends in %q", strings.Count(got, "\n"), tail(got))
	}
	ended(c.T, c.s, name, n)
	run(c.T, c.s, 0, "rm", name)
}

// commands are given while the link is down.
func (c *cutBed) commands() {
	name, other := c.started("forever"), c.started("forever")
	c.s.Wire.Down()
	eventually(c.T, "ps says that the host is away", func() bool {
		out, _ := run(c.T, c.s, 0, "ps")
		return strings.Count(out, "waiting for the compute host") == 2
	})
	for _, command := range [][]string{
		{"exec", name, "/probe", "exit", "0"}, {"kill", name}, {"stop", "-t", "1", name},
	} {
		_, stderr, code := finish(c.T, cardctl(c.T, c.s, command...))
		if code == 0 || !strings.Contains(stderr, "compute host") {
			c.Errorf("%v: exit code %d, %s", command, code, stderr)
		}
	}
	run(c.T, c.s, 0, "rm", "-f", other)
	must(c.T, c.s.Wire.Up())
	if code, _ := run(c.T, c.s, 0, "wait", name); code != "137\n" {
		c.Errorf("exit code %q of a program that was stopped while the link was down", code)
	}
	run(c.T, c.s, 0, "rm", name)
	eventually(c.T, "what was removed is gone", func() bool { return len(c.s.VMs()) == 0 })
}

// hanging is a link that nobody is told is down.
func (c *cutBed) hanging() {
	name := c.started("count", "400", "100ms") // longer than it takes to notice
	logs := c.follow("logs", "-f", name)
	c.s.Wire.Stall()
	eventually(c.T, "ps says that the host is away", func() bool {
		out, _ := run(c.T, c.s, 0, "ps")
		return strings.Contains(out, "waiting for the compute host")
	})
	c.s.Wire.Resume()
	ended(c.T, c.s, name, 400)
	logs.waited.Wait()
	if got := logs.out.String(); got != numbers(400) {
		c.Errorf("logs -f has %d lines and ends in %q", strings.Count(got, "\n"), tail(got))
	}
	run(c.T, c.s, 0, "rm", name)
}

// adoption of a running container is cut at several places.
func (c *cutBed) adoption() {
	const n = 1500
	name := c.started("count", fmt.Sprint(n), "10ms")
	for i := range int64(5) {
		must(c.T, c.s.KillCard())
		c.s.Wire.Down()
		must(c.T, c.s.StartCard(c.Context()))
		if out, _ := run(c.T, c.s, 0, "ps", "-a"); !strings.Contains(out, name) {
			c.Errorf("ps does not know the container: %s", out)
		}
		must(c.T, c.s.Wire.Up())
		select {
		case <-c.s.Wire.DownAfter(linktest.ToHost, 200+i*600):
		case <-time.After(10 * time.Second): // it needed fewer bytes than that
		}
		must(c.T, c.s.Wire.Up())
	}
	ended(c.T, c.s, name, n)
	run(c.T, c.s, 0, "rm", name)
}
