package guestclient_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/guest-agent/agenttest"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds a test that would otherwise hang. No test depends on it.
const patience = time.Minute

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// fixture is a real agent with one container.
type fixture struct {
	*guestclient.Client
	t     *testing.T
	ctx   context.Context
	agent *agenttest.Agent
	proc  guestclient.Process
}

// run starts an agent, and in it a container that runs script.
func run(t *testing.T, script string) *fixture {
	t.Helper()
	agent := agenttest.Start(t)
	f := &fixture{Client: guestclient.New(agent.Dial, 5), t: t, ctx: testContext(t), agent: agent, proc: guestclient.Process{Container: "c1"}}
	t.Cleanup(f.Close)
	_, err := f.PutContainer(f.ctx, "c1", guestapi.ContainerConfig{
		Spec: specs.Spec{Process: &specs.Process{Args: []string{"sh", "-c", script}, Cwd: "/", Env: []string{"PATH=/usr/bin:/bin"}}},
		Rootfs: guestapi.Rootfs{
			Image:    guestapi.ImageDevice{Device: "image"},
			Writable: guestapi.Writable{Kind: guestapi.WritableTmpfs},
		},
		Stdin: guestapi.StdinOpen,
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// open opens the container's stdout at offset.
func (f *fixture) open(offset int64) *guestclient.Output {
	f.t.Helper()
	out, err := f.OpenOutput(f.ctx, f.proc, guestwire.Stdout, offset)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = out.Close() })
	return out
}

func TestLifeOfAContainer(t *testing.T) {
	f := run(t, "read x; echo got $x; exit 3")
	info, err := f.Info(f.ctx)
	if err != nil || info.Machine.AgentVersion != "test" {
		t.Fatalf("info %+v, %v", info, err)
	}
	if _, err := f.GetContainer(f.ctx, "nonesuch"); !apierr.Is(err, "container_not_found") {
		t.Errorf("unknown container: %v", err)
	}
	stdin := f.OpenStdin(f.ctx, f.proc)
	defer func() { _ = stdin.Close() }()
	if _, err := io.WriteString(stdin, "42\n"); err != nil {
		t.Fatal(err)
	}
	c, err := f.WaitContainer(f.ctx, "c1")
	if err != nil || c.State != guestapi.StateExited || c.ExitCode != 3 {
		t.Fatalf("wait: %+v, %v", c, err)
	}
	if got := f.readAll(f.open(0)); got != "got 42\n" {
		t.Errorf("output %q", got)
	}
	if err := f.KillContainer(f.ctx, "c1", 15); !apierr.Is(err, "container_not_running") {
		t.Errorf("kill after the end: %v", err)
	}
}

// readAll reads a stream to its end and acknowledges it.
func (f *fixture) readAll(out *guestclient.Output) string {
	f.t.Helper()
	var all bytes.Buffer
	for {
		piece, err := out.Next()
		if errors.Is(err, io.EOF) {
			return all.String()
		}
		if err != nil {
			f.t.Fatal(err)
		}
		if piece.Lost != 0 {
			f.t.Errorf("%d bytes lost at %d", piece.Lost, all.Len())
		}
		all.Write(piece.Data)
		if err := out.Ack(); err != nil {
			f.t.Fatal(err)
		}
	}
}

// A stream that is cut goes on at the offset that its reader has reached.
func TestOutputResumes(t *testing.T) {
	f := run(t, "i=0; while [ $i -lt 5000 ]; do echo $i; i=$((i+1)); done")
	var all bytes.Buffer
	for ended := false; !ended; {
		out, err := f.OpenOutput(f.ctx, f.proc, guestwire.Stdout, int64(all.Len()))
		if err != nil {
			t.Fatal(err)
		}
		piece, err := out.Next()
		ended = errors.Is(err, io.EOF)
		if err != nil && !ended {
			t.Fatal(err)
		}
		all.Write(piece.Data)
		if !ended {
			err = out.Ack()
		}
		if err != nil && !ended {
			t.Fatal(err)
		}
		_ = out.Close()
	}
	if lines := strings.Split(all.String(), "\n"); len(lines) != 5001 || lines[4999] != "4999" {
		t.Errorf("%d lines", len(lines))
	}
}

// The guest learns what is safe once a stream pauses, and at its end, although
// so little is put off while it flows.
func TestOutputIsAcknowledged(t *testing.T) {
	var piece bytes.Buffer
	if _, err := guestwire.WriteData(&piece, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	asked := make(chan int64, 10)
	c := hostile(t, func(conn net.Conn) {
		r := bufio.NewReader(conn)
		if _, err := guestwire.ReadRequest(r); err != nil {
			t.Error(err)
		}
		_ = guestwire.WriteLine(conn, guestwire.StreamReply{})
		_, _ = conn.Write(bytes.Repeat(piece.Bytes(), 3))
		readAck(t, r, asked) // the stream pauses until then
		_, _ = conn.Write(append(piece.Bytes(), guestwire.EndFrame()...))
		readAck(t, r, asked)
	})
	out, err := c.OpenOutput(testContext(t), guestclient.Process{Container: "c1"}, guestwire.Stdout, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	for err == nil {
		if _, err = out.Next(); err == nil {
			err = out.Ack()
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if first, last := <-asked, <-asked; first != 15 || last != 20 {
		t.Errorf("acknowledged %d and %d", first, last)
	}
}

// readAck passes on the next acknowledgement.
func readAck(t *testing.T, r *bufio.Reader, to chan<- int64) {
	offset, err := guestwire.ReadAck(r)
	if err != nil {
		t.Error(err)
	}
	to <- offset
}

// A reader whose acknowledgements were all lost with its connections goes on,
// although the guest's buffer was full.
func TestOutputResumesFromAFullGuest(t *testing.T) {
	const buffer, total = 1 << 20, 5_000_000
	f := run(t, "head -c 5000000 /dev/zero")
	var at int64
	for ended := false; !ended; {
		out := f.open(at)
		for read := 0; read < buffer && !ended; {
			piece, err := out.Next()
			ended = errors.Is(err, io.EOF)
			if err != nil && !ended {
				t.Fatal(err)
			}
			read += len(piece.Data)
			at += int64(len(piece.Data))
		}
		_ = out.Close()
	}
	if at != total {
		t.Errorf("read %d bytes of %d", at, total)
	}
}

// Every byte of stdin arrives once, however often the connection is cut.
func TestStdinSurvivesCuts(t *testing.T) {
	f := run(t, "cat")
	out := f.open(0)
	stdin := f.OpenStdin(f.ctx, f.proc)
	defer func() { _ = stdin.Close() }()
	var want bytes.Buffer
	for i := range 40 {
		chunk := bytes.Repeat([]byte{byte('a' + i%26)}, 5000)
		want.Write(chunk)
		if _, err := stdin.Write(chunk); err != nil {
			t.Fatal(err)
		}
		if i%10 == 5 {
			f.agent.CutStreams()
		}
	}
	if err := stdin.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdin.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("write after the end: %v", err)
	}
	got := f.readCut(out)
	if got != want.String() {
		t.Errorf("%d bytes came back, want %d", len(got), want.Len())
	}
	// The program's end ends the feed.
	if _, err := f.WaitContainer(f.ctx, "c1"); err != nil {
		t.Fatal(err)
	}
}

// readCut reads a stream to its end over as many connections as it takes.
func (f *fixture) readCut(out *guestclient.Output) string {
	f.t.Helper()
	var all bytes.Buffer
	for {
		piece, err := out.Next()
		switch {
		case errors.Is(err, io.EOF):
			return all.String()
		case err != nil:
			out = f.open(int64(all.Len()))
		default:
			all.Write(piece.Data)
			_ = out.Ack() // a cut shows at the next read
		}
	}
}

// A program that does not read holds its writer up, and its end lets go.
func TestStdinBlocksAndEnds(t *testing.T) {
	f := run(t, "sleep 1000")
	stdin := f.OpenStdin(f.ctx, f.proc)
	defer func() { _ = stdin.Close() }()
	done := make(chan error, 1)
	go func() {
		_, err := stdin.Write(make([]byte, 1<<20))
		done <- err
	}()
	if err := f.KillContainer(f.ctx, "c1", 9); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("write to a program that has ended: %v", err)
	}
}

func TestStaleEpoch(t *testing.T) {
	f := run(t, "sleep 1000")
	old := guestclient.New(f.agent.Dial, 4)
	defer old.Close()
	if err := old.KillContainer(f.ctx, "c1", 9); !apierr.Is(err, "stale_epoch") {
		t.Errorf("command: %v", err)
	}
	_, err := old.OpenOutput(f.ctx, f.proc, guestwire.Stdout, 0)
	if !apierr.Is(err, "stale_epoch") || !guestclient.Permanent(err) {
		t.Errorf("stream: %v", err)
	}
}

func TestPowerOff(t *testing.T) {
	f := run(t, "sleep 1000")
	if err := f.PowerOff(f.ctx, 0); err != nil {
		t.Fatal(err)
	}
	select {
	case <-f.agent.PoweredOff():
	case <-f.ctx.Done():
		t.Error("the agent was not told")
	}
}
