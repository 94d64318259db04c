package server_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

// A connection that breaks at any place loses and repeats nothing.
func TestResume(t *testing.T) {
	c := start(t)
	const lines = 20_000
	c.mustPut("c1", shell(fmt.Sprintf("seq 1 %d", lines)))
	var want strings.Builder
	for i := 1; i <= lines; i++ {
		fmt.Fprintln(&want, i)
	}
	var got strings.Builder
	for {
		s := c.open("c1", "", guestwire.Stdout, int64(got.Len()))
		if s.reply.Offset != int64(got.Len()) || s.reply.Lost != 0 {
			t.Fatalf("reply %+v at %d", s.reply, got.Len())
		}
		frame, err := s.frames.Next()
		if err != nil {
			t.Fatal(err)
		}
		if frame.Kind == guestwire.End {
			break
		}
		got.Write(frame.Data)
		s.ack(int64(got.Len()))
		_ = s.conn.Close()
	}
	if got.String() != want.String() {
		t.Fatalf("%d bytes, want %d", got.Len(), want.Len())
	}
}

// Acknowledged bytes are given up, others are sent again.
func TestAcknowledge(t *testing.T) {
	c := start(t)
	c.mustPut("c1", shell("printf 0123456789"))
	s := c.open("c1", "", guestwire.Stdout, 0)
	s.read(10)
	s.ack(4)
	for view, err := c.get("c1"); view.Stdout.Acknowledged < 4; view, err = c.get("c1") {
		if err != nil {
			t.Fatal(err)
		}
	}
	s = c.open("c1", "", guestwire.Stdout, 0)
	if s.reply.Offset != 4 || s.reply.Lost != 4 {
		t.Errorf("%+v", s.reply)
	}
	if got, _ := s.readAll(); got != "456789" {
		t.Errorf("got %q", got)
	}
	if _, err := c.tryOpen(guestwire.StreamRequest{Epoch: 1, Container: "c1", Stream: guestwire.Stdout, Offset: 11}); !apierr.Is(err, "offset_out_of_range") {
		t.Errorf("beyond the end: %v", err)
	}
}

// A program whose output nobody takes blocks, and goes on when somebody does.
func TestBlock(t *testing.T) {
	c := start(t)
	config := shell("head -c 3000000 /dev/zero; echo done >&2")
	config.OutputBufferBytes = 100_000
	c.mustPut("c1", config)
	s := c.open("c1", "", guestwire.Stdout, 0)
	s.read(100_000) // all that is kept
	if view, err := c.get("c1"); err != nil || view.State != guestapi.StateRunning || view.Stdout.Written != 100_000 {
		t.Fatalf("%+v, %v", view, err)
	}
	total := int64(100_000)
	for {
		s.ack(total)
		frame, err := s.frames.Next()
		if err != nil {
			t.Fatal(err)
		}
		if frame.Kind == guestwire.End {
			break
		}
		total += int64(len(frame.Data))
	}
	if total != 3_000_000 {
		t.Fatalf("%d bytes", total)
	}
	if view := c.wait("c1"); view.ExitCode != 0 {
		t.Fatalf("%+v", view)
	}
}

// With drop the program goes on, and the client is told what it has missed.
func TestDrop(t *testing.T) {
	c := start(t)
	config := shell("head -c 3000000 /dev/zero; printf end")
	config.OutputBufferBytes = 100_000
	config.WhenFull = guestapi.WhenFullDrop
	c.mustPut("c1", config)
	view := c.wait("c1")
	s := c.open("c1", "", guestwire.Stdout, 0)
	got, lost := s.readAll()
	if !strings.HasSuffix(got, "end") || s.reply.Lost+lost+int64(len(got)) != 3_000_003 || s.reply.Lost+lost == 0 {
		t.Fatalf("%d bytes, %d and %d lost; %+v", len(got), s.reply.Lost, lost, view)
	}
	// What was dropped while it was being sent was not lost.
	if view, _ := c.get("c1"); view.Stdout.Dropped < s.reply.Lost+lost || !view.Stdout.Ended {
		t.Fatalf("%+v", view)
	}
}

// Loss in the middle of a connection is told in its place.
func TestDropMidStream(t *testing.T) {
	c := start(t)
	config := shell("printf begin; read line; head -c 30000000 /dev/zero; printf end")
	config.Stdin = guestapi.StdinOpen
	config.OutputBufferBytes = 50_000
	config.WhenFull = guestapi.WhenFullDrop
	c.mustPut("c1", config)
	s := c.open("c1", "", guestwire.Stdout, 0)
	if got := s.read(5); got != "begin" {
		t.Fatalf("got %q", got)
	}
	in := c.open("c1", "", guestwire.Stdin, 0)
	if _, err := guestwire.WriteData(in.conn, []byte("go\n")); err != nil {
		t.Fatal(err)
	}
	c.wait("c1") // the connection's own buffers are full long before
	got, lost := s.readAll()
	if lost == 0 || int64(len(got))+lost != 30_000_003 || !strings.HasSuffix(got, "end") {
		t.Fatalf("%d bytes, %d lost", len(got), lost)
	}
}

func TestNewerConnectionReplacesOlder(t *testing.T) {
	c := start(t)
	c.mustPut("c1", shell("printf first; exec sleep 1000"))
	older := c.open("c1", "", guestwire.Stdout, 0)
	older.read(5)
	newer := c.open("c1", "", guestwire.Stdout, 0)
	if got := newer.read(5); got != "first" {
		t.Fatalf("got %q", got)
	}
	if _, err := older.frames.Next(); err == nil {
		t.Fatal("the older connection goes on")
	}
}

func TestStdin(t *testing.T) {
	c := start(t)
	config := shell("cat")
	config.Stdin = guestapi.StdinOpen
	c.mustPut("c1", config)
	out := c.open("c1", "", guestwire.Stdout, 0)
	in := c.open("c1", "", guestwire.Stdin, 0)
	if _, err := guestwire.WriteData(in.conn, []byte("hello ")); err != nil {
		t.Fatal(err)
	}
	if offset, err := guestwire.ReadAck(in.r); offset != 6 || err != nil {
		t.Fatal(offset, err)
	}
	// A connection that breaks is no end of file.
	_ = in.conn.Close()
	in = c.open("c1", "", guestwire.Stdin, 0)
	if in.reply.Offset != 6 {
		t.Fatalf("%+v", in.reply)
	}
	if _, err := guestwire.WriteData(in.conn, []byte("world")); err != nil {
		t.Fatal(err)
	}
	if err := guestwire.WriteEnd(in.conn); err != nil {
		t.Fatal(err)
	}
	if got, _ := out.readAll(); got != "hello world" {
		t.Fatalf("got %q", got)
	}
	if view := c.wait("c1"); view.ExitCode != 0 {
		t.Fatalf("%+v", view)
	}
	if _, err := c.tryOpen(guestwire.StreamRequest{Epoch: 1, Container: "c1", Stream: guestwire.Stdin}); !apierr.Is(err, "stream_ended") {
		t.Fatalf("after the end: %v", err)
	}
}

// A session that waits for a program that does not read gives way to a new
// one, which is told how far the pipe was filled.
func TestStdinTakeover(t *testing.T) {
	c := start(t)
	config := shell("exec sleep 1000")
	config.Stdin = guestapi.StdinOpen
	c.mustPut("c1", config)
	in := c.open("c1", "", guestwire.Stdin, 0)
	if _, err := guestwire.WriteData(in.conn, make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	if _, err := guestwire.ReadAck(in.r); err != nil { // the first frame is in the pipe
		t.Fatal(err)
	}
	next := c.open("c1", "", guestwire.Stdin, 0)
	if n := next.reply.Offset; n < guestwire.MaxPayloadSize || n >= 100_000 {
		t.Fatalf("%+v", next.reply)
	}
}

func TestClosedStdin(t *testing.T) {
	c := start(t)
	c.mustPut("c1", shell("cat; echo end"))
	if got, _ := c.open("c1", "", guestwire.Stdout, 0).readAll(); got != "end\n" {
		t.Fatalf("got %q", got)
	}
	if _, err := c.tryOpen(guestwire.StreamRequest{Epoch: 1, Container: "c1", Stream: guestwire.Stdin}); !apierr.Is(err, "stream_not_found") {
		t.Fatalf("got %v", err)
	}
}

func TestTerminal(t *testing.T) {
	c := start(t)
	config := shell("stty size; read line; stty size; echo got $line; exit 4")
	config.Spec.Process.Terminal = true
	config.Terminal = guestapi.TerminalSize{Rows: 31, Cols: 101}
	config.Stdin = guestapi.StdinOpen
	c.mustPut("c1", config)
	out := c.open("c1", "", guestwire.Stdout, 0)
	if got := out.read(8); got != "31 101\r\n" {
		t.Fatalf("got %q", got)
	}
	resize := func(rows int) error {
		return apierr.Done(c.api.ResizeContainer(t.Context(), "c1", &guestapi.ResizeContainerParams{CardplaneEpoch: 1}, guestapi.TerminalSize{Rows: rows, Cols: 80}))
	}
	if err := resize(70_000); !apierr.Is(err, "invalid_config") {
		t.Errorf("70000 rows: %v", err)
	}
	if err := resize(50); err != nil {
		t.Fatal(err)
	}
	in := c.open("c1", "", guestwire.Stdin, 0)
	if _, err := guestwire.WriteData(in.conn, []byte("text\n")); err != nil {
		t.Fatal(err)
	}
	if got, _ := out.readAll(); !strings.Contains(got, "50 80\r\n") || !strings.Contains(got, "got text") {
		t.Fatalf("got %q", got)
	}
	if view := c.wait("c1"); view.ExitCode != 4 {
		t.Fatalf("%+v", view)
	}
	if _, err := c.tryOpen(guestwire.StreamRequest{Epoch: 1, Container: "c1", Stream: guestwire.Stderr}); !apierr.Is(err, "stream_not_found") {
		t.Fatalf("stderr: %v", err)
	}
}

func TestResizeWithoutTerminal(t *testing.T) {
	c := start(t)
	c.mustPut("c1", shell("exec sleep 1000"))
	err := apierr.Done(c.api.ResizeContainer(t.Context(), "c1", &guestapi.ResizeContainerParams{CardplaneEpoch: 1}, guestapi.TerminalSize{Rows: 1, Cols: 1}))
	if !apierr.Is(err, "not_a_terminal") {
		t.Fatalf("got %v", err)
	}
}

// A stream ends when its container is deleted under it.
func TestDeleteEndsStreams(t *testing.T) {
	c := start(t)
	config := shell("exec sleep 1000")
	config.Stdin = guestapi.StdinOpen
	c.mustPut("c1", config)
	out, in := c.open("c1", "", guestwire.Stdout, 0), c.open("c1", "", guestwire.Stdin, 0)
	if err := c.delete("c1", true); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*stream{out, in} {
		for {
			frame, err := s.frames.Next()
			if err != nil {
				break
			}
			if frame.Kind == guestwire.Data {
				t.Fatalf("data %q", frame.Data)
			}
		}
	}
}

func TestBadStreamRequests(t *testing.T) {
	c := start(t)
	c.mustPut("c1", shell("exec sleep 1000"))
	for _, tc := range []struct{ line, code string }{
		{"nonsense\n", "bad_request"},
		{strings.Repeat("x", guestwire.MaxRequestLine+1) + "\n", "bad_request"},
		{`{"epoch":1,"container":"c2","stream":"stdout"}` + "\n", "container_not_found"},
		{`{"epoch":1,"container":"c1","exec":"e","stream":"stdout"}` + "\n", "exec_not_found"},
		{`{"epoch":1,"container":"c1","stream":"stdfoo"}` + "\n", "stream_not_found"},
		{`{"epoch":1,"container":"c1","stream":"stdout","offset":-1}` + "\n", "offset_out_of_range"},
		{`{"container":"c1","stream":"stdout"}` + "\n", "missing_epoch"},
	} {
		conn, err := c.agent.Dial(t.Context(), guestwire.StreamPort)
		if err != nil {
			t.Fatal(err)
		}
		if err := askFor(conn, tc.line); !apierr.Is(err, tc.code) {
			t.Errorf("%.60q: %v", tc.line, err)
		}
		_ = conn.Close()
	}
}

func askFor(conn net.Conn, line string) error {
	if _, err := conn.Write([]byte(line)); err != nil {
		return err
	}
	_, err := guestwire.ReadReply(bufio.NewReader(conn))
	return err
}
