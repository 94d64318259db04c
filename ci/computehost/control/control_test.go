package control_test

import (
	"bytes"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/ci/computehost/control"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func dial(t *testing.T) control.Conn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- control.Serve(l, "/bin/sh") }()
	t.Cleanup(func() { _ = l.Close(); <-ended })
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	return conn.(control.Conn)
}

func TestRun(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 1<<18)
	for name, c := range map[string]struct {
		script, input, want string
		status              int
	}{
		"output":   {"echo out; echo err >&2", "", "out\nerr\n", 0},
		"status":   {"exit 7", "", "", 7},
		"signal":   {"kill -9 $$", "", "", 137},
		"input":    {"cat", big, big, 0},
		"ignores":  {"echo ok", big, "ok\n", 0},
		"syntax":   {"(", "", "", 2},
		"silent":   {"true", "", "", 0},
		"leaves":   {"sleep 0.3 & echo ok", "", "ok\n", 0},
		"no input": {"read x; echo $?", "", "1\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			status, err := control.Run(dial(t), c.script, strings.NewReader(c.input), &out)
			if err != nil || status != c.status {
				t.Fatalf("status %d (%v), want %d: %.200s", status, err, c.status, out.String())
			}
			if c.status != 2 && out.String() != c.want {
				t.Errorf("%d bytes %.100q, want %.100q", out.Len(), out.String(), c.want)
			}
		})
	}
}

// A connection that breaks must not look like a command that has ended.
func TestBrokenConnectionIsAnError(t *testing.T) {
	for name, answer := range map[string]string{
		"nothing": "", "half a number": "\x00\x00", "half a chunk": "\x00\x00\x00\x08abc",
		"no status": "\x00\x00\x00\x00", "huge": "\xff\xff\xff\xff",
	} {
		t.Run(name, func(t *testing.T) {
			here, there := net.Pipe()
			go func() {
				_, _ = io.ReadFull(there, make([]byte, 8)) // length and "true"
				_, _ = io.WriteString(there, answer)
				_ = there.Close()
			}()
			if status, err := control.Run(pipe{here}, "true", nil, io.Discard); err == nil {
				t.Errorf("status %d and no error", status)
			}
		})
	}
}

// pipe is a net.Pipe's end, which has no half-close.
type pipe struct{ net.Conn }

func (pipe) CloseWrite() error { return nil }
