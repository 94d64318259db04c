package guestclient_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

// hostile returns a client whose guest answers each connection with serve.
func hostile(t testing.TB, serve func(conn net.Conn)) *guestclient.Client {
	var guests sync.WaitGroup
	t.Cleanup(guests.Wait)
	c := guestclient.New(func(context.Context, uint32) (net.Conn, error) {
		ours, theirs := net.Pipe()
		guests.Go(func() {
			defer func() { _ = theirs.Close() }()
			serve(theirs)
		})
		return ours, nil
	}, 1)
	t.Cleanup(c.Close)
	return c
}

// answer reads one HTTP request and writes raw.
func answer(raw string) func(net.Conn) {
	return func(conn net.Conn) {
		req, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		_, _ = io.WriteString(conn, raw)
	}
}

func TestHostileAnswers(t *testing.T) {
	problem := func(body string) string {
		return fmt.Sprintf("HTTP/1.1 409 Conflict\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	for name, tc := range map[string]struct{ raw, code, says string }{
		"garbage":       {"\x00\x01\x02 nonsense\r\n\r\n", guestclient.CodeUnreachable, ""},
		"cut":           {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", guestclient.CodeUnreachable, ""},
		"no JSON":       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", guestclient.CodeUnreachable, ""},
		"large header":  {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", guestclient.CodeUnreachable, ""},
		"endless":       {"HTTP/1.1 200 OK\r\n\r\n{\"id\":\"" + strings.Repeat("x", 5<<20), guestclient.CodeUnreachable, "longer than"},
		"foreign code":  {problem(`{"code":"image_not_found","detail":"x","class":"not_found"}`), "guest_error", ""},
		"terminal code": {problem(`{"code":"start_failed","detail":"a\u001b]0;pwn\u0007b","evidence":["\u001b[31mred"]}`), "start_failed", "a]0;pwnb"},
		"not a problem": {"HTTP/1.1 500 Oops\r\nContent-Length: 3\r\n\r\n\x1b[2", "guest_error", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := hostile(t, answer(tc.raw)).GetContainer(testContext(t), "c1")
			if !apierr.Is(err, tc.code) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v (%s), want %s with %q", err, apierr.From(err).Code, tc.code, tc.says)
			}
			if text := fmt.Sprintf("%+v", apierr.From(err)); strings.ContainsAny(text, "\x1b\x07\x00") {
				t.Errorf("control characters in %q", text)
			}
		})
	}
}

func TestHostileWatch(t *testing.T) {
	for name, raw := range map[string]string{
		"cut":      "HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{}\n{",
		"garbage":  "HTTP/1.1 201 Created\r\n\r\n{}\n\x00\x01",
		"endless":  "HTTP/1.1 201 Created\r\n\r\n" + strings.Repeat("{}\n", 2<<20),
		"one line": "HTTP/1.1 201 Created\r\n\r\n{}\n{\"id\":\"" + strings.Repeat("x", 5<<20),
	} {
		t.Run(name, func(t *testing.T) {
			ctx := testContext(t)
			watch, err := hostile(t, answer(raw)).PutExec(ctx, ctx, "c1", "e1", guestapi.ExecConfig{})
			if err != nil {
				t.Fatal(err)
			}
			defer watch.Close()
			if _, err := watch.Next(); err != nil {
				t.Fatalf("first line: %v", err)
			}
			for err == nil {
				_, err = watch.Next()
			}
			if errors.Is(err, io.EOF) {
				t.Fatal("taken for a whole answer")
			}
		})
	}
}

// An exec whose start is no longer waited for is given up.
func TestPutExecGivenUp(t *testing.T) {
	silent := hostile(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	start, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := silent.PutExec(testContext(t), start, "c1", "e1", guestapi.ExecConfig{}); !apierr.Is(err, guestclient.CodeUnreachable) {
		t.Fatalf("got %v", err)
	}
}

// stream is a guest that reads the request line, sends raw, and takes what is
// sent to it until the client goes.
func stream(raw []byte) func(net.Conn) {
	return func(conn net.Conn) {
		r := bufio.NewReader(conn)
		if _, err := guestwire.ReadRequest(r); err != nil {
			return
		}
		var drain sync.WaitGroup
		drain.Go(func() { _, _ = io.Copy(io.Discard, r) })
		_, _ = conn.Write(raw)
		_ = conn.Close()
		drain.Wait()
	}
}

func TestHostileStreams(t *testing.T) {
	huge := guestwire.LostFrame(1 << 62)
	for name, tc := range map[string]struct {
		raw  string
		want error
	}{
		"offset before the one asked for": {"{\"offset\":3,\"lost\":-7}\n", guestclient.ErrProtocol},
		"offset that does not add up":     {"{\"offset\":20,\"lost\":1}\n", guestclient.ErrProtocol},
		"offset beyond all streams":       {"{\"offset\":9223372036854775807,\"lost\":9223372036854775797}\n", guestclient.ErrProtocol},
		"loss beyond all streams":         {"{\"offset\":10,\"lost\":0}\n" + string(huge), guestclient.ErrProtocol},
		"malformed frame":                 {"{\"offset\":10,\"lost\":0}\n\xff\xff\xff\xff\xff\xff\xff\xff", guestwire.ErrBadFrame},
		"cut":                             {"{\"offset\":10,\"lost\":0}\n", io.ErrUnexpectedEOF},
		"endless first line":              {strings.Repeat("x", 1<<20), guestwire.ErrLineTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			c := hostile(t, stream([]byte(tc.raw)))
			out, err := c.OpenOutput(testContext(t), guestclient.Process{Container: "c1"}, guestwire.Stdout, 10)
			if err == nil {
				defer func() { _ = out.Close() }()
				_, err = out.Next()
			}
			if !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

// A guest that acknowledges what it was never sent ends the feed's connection
// and not the control plane.
func TestHostileAcks(t *testing.T) {
	var times sync.Mutex
	connections := 0
	again := make(chan struct{})
	c := hostile(t, func(conn net.Conn) {
		times.Lock()
		connections++
		if connections == 2 {
			close(again)
		}
		times.Unlock()
		stream([]byte("{\"offset\":0}\n\x7f\xff\xff\xff\xff\xff\xff\xff"))(conn)
	})
	stdin := c.OpenStdin(testContext(t), guestclient.Process{Container: "c1"})
	<-again
	if err := stdin.Close(); err != nil {
		t.Error(err)
	}
}

// Whatever a guest sends on a stream: no more is returned than it sent, and
// offsets only grow.
func FuzzOutput(f *testing.F) {
	f.Add([]byte("{\"offset\":0,\"lost\":0}\n\x01\x00\x00\x00\x00\x00\x00\x02hi\x03\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("{\"offset\":5,\"lost\":5}\n\x02\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x01"))
	f.Add([]byte("{\"problem\":{\"code\":\"stale_epoch\",\"status\":409}}\n"))
	f.Add([]byte("{\"offset\":0}\n\x01\x00\x00\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := hostile(t, stream(raw))
		out, err := c.OpenOutput(t.Context(), guestclient.Process{Container: "c1"}, guestwire.Stdout, 0)
		if err != nil {
			return
		}
		defer func() { _ = out.Close() }()
		total := 0
		for {
			piece, err := out.Next()
			if err != nil {
				return
			}
			if piece.Lost < 0 {
				t.Fatalf("lost %d", piece.Lost)
			}
			if total += len(piece.Data); total > len(raw) {
				t.Fatalf("%d bytes out of %d", total, len(raw))
			}
			if out.Ack() != nil {
				return
			}
		}
	})
}

func FuzzPrintable(f *testing.F) {
	f.Add("plain", 10)
	f.Add("\x1b[31mred\x07\u202e\xff\t", 4)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		if limit < 0 {
			return
		}
		got := guestclient.Printable(s, limit)
		if n := len([]rune(got)); n > limit+1 {
			t.Errorf("%d runes, limit %d", n, limit)
		}
		for _, r := range got {
			if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x202e {
				t.Errorf("%q is left in %q", r, got)
			}
		}
	})
}
