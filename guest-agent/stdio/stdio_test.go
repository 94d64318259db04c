package stdio_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/guest-agent/stdio"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pattern fills p with what belongs at offset, so that any byte out of its
// place is seen.
func pattern(p []byte, offset int64) []byte {
	for i := range p {
		n := offset + int64(i)
		p[i] = byte(n ^ n>>8 ^ n>>16)
	}
	return p
}

// socketPair returns two connected sockets.
func socketPair(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		accepted <- conn
	}()
	if ours, err = net.Dial("unix", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	return ours, <-accepted
}

// output is an Output that is fed through a pipe.
type output struct {
	*stdio.Output
	t       *testing.T
	w       *os.File
	serving sync.WaitGroup
}

func newOutput(t *testing.T, pool *stdio.Pool, limit int64, full stdio.WhenFull) *output {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	o := &output{Output: stdio.NewOutput(pool, limit, full), t: t, w: w}
	o.serving.Go(func() {
		if err := o.Pump(r); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		o.Close()
		_ = w.Close()
		_ = r.Close()
		o.serving.Wait()
	})
	return o
}

// write writes n bytes of the pattern in pieces and closes the pipe.
func (o *output) write(n int64) {
	for at := int64(0); at < n; {
		piece := pattern(make([]byte, min(n-at, 1+rand.Int64N(100_000))), at)
		if _, err := o.w.Write(piece); err != nil {
			o.t.Error(err)
			return
		}
		at += int64(len(piece))
	}
	_ = o.w.Close()
}

// connect opens a stream at offset.
func (o *output) connect(offset int64) (net.Conn, *bufio.Reader, guestwire.StreamReply, error) {
	o.t.Helper()
	ours, theirs := socketPair(o.t)
	o.serving.Go(func() { _ = o.Serve(theirs, bufio.NewReader(theirs), offset) })
	r := bufio.NewReader(ours)
	reply, err := guestwire.ReadReply(r)
	return ours, r, reply, err
}

// Connections that break at random places, with random acknowledgements, see
// every byte in its place, but for those that were dropped by policy.
func TestRandomCuts(t *testing.T) {
	for name, full := range map[string]stdio.WhenFull{"block": stdio.Block, "drop": stdio.Drop} {
		t.Run(name, func(t *testing.T) {
			const total = 3_000_000
			var pool stdio.Pool
			o := newOutput(t, &pool, 200_000, full)
			o.serving.Go(func() { o.write(total) })
			var at, lost int64
			for ended := false; !ended; {
				conn, r, reply, err := o.connect(at)
				if err != nil || reply.Offset != at+reply.Lost {
					t.Fatalf("%+v, %v", reply, err)
				}
				lost += reply.Lost
				at = reply.Offset
				// The last acknowledgements may have been lost with the connection.
				if err := guestwire.WriteAck(conn, at); err != nil {
					t.Fatal(err)
				}
				at, lost, ended = readSome(t, conn, r, at, lost)
				_ = conn.Close()
			}
			if at != total || (full == stdio.Block && lost != 0) {
				t.Fatalf("at %d, %d lost", at, lost)
			}
			if status := o.Status(); !status.Ended || status.Written != total || status.Dropped < lost {
				t.Fatalf("%+v, %d lost", status, lost)
			}
		})
	}
}

// readSome reads a random number of frames and acknowledges most of it.
func readSome(t *testing.T, conn net.Conn, r *bufio.Reader, at, lost int64) (int64, int64, bool) {
	t.Helper()
	frames := guestwire.NewFrameReader(r)
	for range 1 + rand.IntN(20) {
		frame, err := frames.Next()
		if err != nil {
			t.Fatal(err)
		}
		switch frame.Kind {
		case guestwire.End:
			return at, lost, true
		case guestwire.Lost:
			lost += frame.Lost
			at += frame.Lost
		case guestwire.Data:
			if !bytes.Equal(frame.Data, pattern(make([]byte, len(frame.Data)), at)) {
				t.Fatalf("wrong bytes at %d", at)
			}
			at += int64(len(frame.Data))
		}
		// Never all of it: what was not acknowledged is there again next time.
		if err := guestwire.WriteAck(conn, at-rand.Int64N(min(at, 1000)+1)); err != nil {
			t.Fatal(err)
		}
	}
	return at, lost, false
}

// An acknowledgement of what was not sent ends the connection and frees nothing.
func TestHostileAck(t *testing.T) {
	o := newOutput(t, &stdio.Pool{}, 1000, stdio.Block)
	if _, err := o.w.WriteString("hello"); err != nil {
		t.Fatal(err)
	}
	conn, r, _, err := o.connect(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := guestwire.WriteAck(conn, 1<<40); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r); err != nil && !errors.Is(err, io.EOF) {
		t.Logf("the connection ended with %v", err)
	}
	if status := o.Status(); status.Oldest != 0 {
		t.Fatalf("%+v", status)
	}
	_ = conn.Close()
}

func TestHead(t *testing.T) {
	o := newOutput(t, &stdio.Pool{}, 1000, stdio.Block)
	if _, err := o.w.WriteString("hello"); err != nil {
		t.Fatal(err)
	}
	if got := o.Head(t.Context(), 3); string(got) != "hel" {
		t.Errorf("got %q", got)
	}
	_ = o.w.Close()
	if got := o.Head(t.Context(), 100); string(got) != "hello" {
		t.Errorf("got %q", got)
	}
}

// Drain returns when the client has taken all, or has gone.
func TestDrain(t *testing.T) {
	o := newOutput(t, &stdio.Pool{}, 1000, stdio.Block)
	o.Drain(t.Context()) // nobody is there
	if _, err := o.w.WriteString("hello"); err != nil {
		t.Fatal(err)
	}
	_ = o.w.Close()
	conn, r, _, err := o.connect(0)
	if err != nil {
		t.Fatal(err)
	}
	drained := make(chan struct{})
	go func() { o.Drain(t.Context()); close(drained) }()
	frames := guestwire.NewFrameReader(r)
	for {
		frame, err := frames.Next()
		if err != nil {
			t.Fatal(err)
		}
		if frame.Kind == guestwire.End {
			break
		}
	}
	if err := guestwire.WriteAck(conn, 5); err != nil {
		t.Fatal(err)
	}
	<-drained
	_ = conn.Close()
}

// Where a connection has no descriptor, frames are written all the same.
func TestPlainConn(t *testing.T) {
	o := newOutput(t, &stdio.Pool{}, 1000, stdio.Block)
	if _, err := o.w.WriteString("hello"); err != nil {
		t.Fatal(err)
	}
	_ = o.w.Close()
	ours, theirs := net.Pipe()
	o.serving.Go(func() { _ = o.Serve(theirs, bufio.NewReader(theirs), 0) })
	r := bufio.NewReader(ours)
	if _, err := guestwire.ReadReply(r); err != nil {
		t.Fatal(err)
	}
	frame, err := guestwire.NewFrameReader(r).Next()
	if err != nil || string(frame.Data) != "hello" {
		t.Fatalf("%+v, %v", frame, err)
	}
	_ = ours.Close()
}

func TestClosedOutput(t *testing.T) {
	o := newOutput(t, &stdio.Pool{}, 1000, stdio.Block)
	o.Close()
	conn, _, _, err := o.connect(0)
	if !apierr.Is(err, "stream_not_found") {
		t.Fatalf("got %v", err)
	}
	_ = conn.Close()
}

// A program that closes its input ends the stream for the client.
func TestInputOfAProgramThatStopsReading(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	in := stdio.NewInput(w, false)
	serve := func() error {
		ours, theirs := socketPair(t)
		done := make(chan struct{})
		go func() { _ = in.Serve(theirs, bufio.NewReader(theirs)); close(done) }()
		defer func() { _ = ours.Close(); <-done }()
		br := bufio.NewReader(ours)
		if _, err := guestwire.ReadReply(br); err != nil {
			return err
		}
		if _, err := guestwire.WriteData(ours, []byte("x")); err != nil {
			return err
		}
		_, err := guestwire.ReadAck(br)
		return err
	}
	if err := serve(); err == nil {
		t.Fatal("a byte was acknowledged that nobody took")
	}
	if err := serve(); !apierr.Is(err, "stream_ended") {
		t.Fatalf("got %v", err)
	}
}

// Frames that make no sense on an input end the connection, not the stream.
func TestOddInputFrames(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	in := stdio.NewInput(w, false)
	defer in.Close()
	for _, odd := range [][]byte{guestwire.LostFrame(7), []byte("nonsense")} {
		ours, theirs := socketPair(t)
		done := make(chan error, 1)
		go func() { done <- in.Serve(theirs, bufio.NewReader(theirs)) }()
		if _, err := ours.Write(odd); err != nil {
			t.Fatal(err)
		}
		if err := <-done; !errors.Is(err, guestwire.ErrBadFrame) {
			t.Fatalf("%q: %v", odd, err)
		}
		_ = ours.Close()
	}
}

func TestStreamsClose(t *testing.T) {
	s, err := stdio.Open(logrus.New(), &stdio.Pool{}, stdio.Options{StdinOpen: true, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	// Nothing was started: the pumps end because of Close alone.
	s.Close()
	s.CloseChildFiles()
	if err := s.Resize(1, 1); !errors.Is(err, stdio.ErrNoTerminal) {
		t.Fatal(err)
	}
}

// A program goes on for a while although nobody reads yet what it writes.
func TestPipesAreWide(t *testing.T) {
	s, err := stdio.Open(logrus.StandardLogger(), new(stdio.Pool), stdio.Options{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	defer s.CloseChildFiles()
	out := s.ChildFiles()[1]
	if err := out.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if n, err := out.Write(make([]byte, 200<<10)); err != nil {
		t.Errorf("wrote %d bytes: %v", n, err)
	}
}
