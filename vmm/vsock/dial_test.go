package vsock_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/vmm/vsock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// device serves one connection after another with the scripts given and then
// closes its socket.
func device(t *testing.T, scripts ...func(*net.UnixConn)) vsock.DialFunc {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, script := range scripts {
			conn, err := l.AcceptUnix()
			if err != nil {
				return
			}
			script(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
}

// answer reads the request and sends reply.
func answer(reply string) func(*net.UnixConn) {
	return func(conn *net.UnixConn) {
		_, _ = bufio.NewReader(conn).ReadString('\n')
		_, _ = io.WriteString(conn, reply)
	}
}

func TestDial(t *testing.T) {
	dial := device(t, func(conn *net.UnixConn) {
		line, _ := bufio.NewReader(conn).ReadString('\n')
		// The guest speaks first, in the same segment as the reply.
		_, _ = io.WriteString(conn, "OK 1073741824\n"+line)
		rest, _ := io.ReadAll(conn)
		_, _ = conn.Write(rest)
	})
	conn, err := vsock.Dial(context.Background(), dial, 1024)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if conn.RemoteAddr().String() != "guest:1024" || conn.RemoteAddr().Network() != "vsock" {
		t.Errorf("address %v", conn.RemoteAddr())
	}
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil || string(got) != "CONNECT 1024\nhello" {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestDialErrors(t *testing.T) {
	for _, tc := range []struct {
		name  string
		reply string
		want  error
	}{
		{"refused", "", vsock.ErrRefused},
		{"cut short", "OK 10", vsock.ErrRefused},
		{"not the protocol", "HTTP/1.1 400 \n", vsock.ErrHandshake},
		{"no number", "OK x\n", vsock.ErrHandshake},
		{"endless", "OK 00000000000000000000000000000000000000000", vsock.ErrHandshake},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := vsock.Dial(context.Background(), device(t, answer(tc.reply)), 7)
			var op *net.OpError
			if !errors.Is(err, tc.want) || !errors.As(err, &op) || op.Addr.String() != "guest:7" {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
		})
	}
}

// A guest that neither accepts nor refuses is left when ctx is done.
func TestDialCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	gone := make(chan struct{})
	dial := device(t, func(conn *net.UnixConn) {
		_, _ = bufio.NewReader(conn).ReadString('\n')
		cancel()
		<-gone
	})
	_, err := vsock.Dial(ctx, dial, 1)
	close(gone)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func TestDialRetry(t *testing.T) {
	refuse := answer("")
	conn, err := vsock.DialRetry(context.Background(), device(t, refuse, refuse, answer("OK 1\n")), 1)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if _, err := vsock.DialRetry(context.Background(), device(t, answer("no\n")), 1); !errors.Is(err, vsock.ErrHandshake) {
		t.Fatalf("a foreign server was tried again: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	missing := func(context.Context) (net.Conn, error) {
		cancel()
		var d net.Dialer
		return d.Dial("unix", filepath.Join(t.TempDir(), "missing"))
	}
	if _, err := vsock.DialRetry(ctx, missing, 1); !vsock.Temporary(err) {
		t.Fatalf("got %v", err)
	}
}

// Whatever the device sends, Dial ends with a connection or a typed error,
// and takes no byte behind the reply.
func FuzzDial(f *testing.F) {
	for _, seed := range []string{"OK 1\n", "OK 1\nmore", "OK", "", "\n", "OK 99999999999\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, reply []byte) {
		host, guest := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = bufio.NewReader(guest).ReadString('\n')
			_, _ = guest.Write(reply)
			_ = guest.Close()
		}()
		conn, err := vsock.Dial(context.Background(), func(context.Context) (net.Conn, error) { return host, nil }, 1)
		if err == nil {
			rest, _ := io.ReadAll(conn)
			if i := len(reply) - len(rest) - 1; i < 0 || reply[i] != '\n' {
				t.Errorf("%q left %q", reply, rest)
			}
			_ = conn.Close()
		} else if !errors.Is(err, vsock.ErrRefused) && !errors.Is(err, vsock.ErrHandshake) {
			t.Errorf("%q: %v", reply, err)
		}
		_ = host.Close()
		<-done
	})
}
