package link_test

import (
	"bufio"
	"io"
	"net"
	"path/filepath"
	"testing"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/hosttest"
	"github.com/cardplane/cardplane/vmm/link"
)

func TestBadEndpoints(t *testing.T) {
	for _, bad := range []string{
		"", "unix://relative", "unix:///s?port=1", "tcp://127.0.0.1", "tcp://:1", "tcp://a:1/x", "%zz",
		"vsock://:1024", "vsock://3", "vsock://three:1024", "vsock://3:0", "vsock://4294967295:1",
		"hybrid-vsock:///s", "hybrid-vsock:///s?port=0", "hybrid-vsock:///s?port=x", "hybrid-vsock://s?port=1", "hybrid-vsock:///s?port=1&x=y",
	} {
		_, err := link.Open(bad)
		wantCode(t, err, "invalid_endpoint")
	}
	for _, good := range []string{"unix:///s", "tcp://127.0.0.1:1", "vsock://3:1024", "hybrid-vsock:///s?port=1024"} {
		l, err := link.Open(good)
		if err != nil {
			t.Errorf("%s: %v", good, err)
			continue
		}
		l.Close()
	}
}

// Calls and tunnels go through a hybrid-vsock socket like any other.
func TestHybridVsock(t *testing.T) {
	h := hosttest.New(t, nil)
	path := filepath.Join(t.TempDir(), "v")
	serveHybrid(t, path, "CONNECT 1024\n", h.Endpoint[len("unix://"):])
	l, err := link.Open("hybrid-vsock://" + path + "?port=1024")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.PutVM(t.Context(), "a", spec); err != nil {
		t.Fatal(err)
	}
	conn, err := l.Tunnel(t.Context(), "a", hostapi.Api)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || len(answer) < 4 || string(answer[len(answer)-4:]) != "pong" {
		t.Errorf("%q, %v", answer, err)
	}
	_ = conn.Close()
}

// serveHybrid is a hybrid-vsock socket that leads to the unix socket target
// whoever begins with want, and refuses others.
func serveHybrid(t *testing.T, path, want, target string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go joinHybrid(conn.(*net.UnixConn), want, target)
		}
	}()
}

func joinHybrid(conn *net.UnixConn, want, target string) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReaderSize(conn, 16)
	line, err := in.ReadString('\n')
	if err != nil || line != want {
		return
	}
	out, err := net.Dial("unix", target)
	if err != nil {
		return
	}
	defer func() { _ = out.Close() }()
	if _, err := io.WriteString(conn, "OK 1073741824\n"); err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(out, in)
		_ = out.(*net.UnixConn).CloseWrite()
	}()
	_, _ = io.Copy(conn, out)
	_ = conn.CloseWrite()
}
