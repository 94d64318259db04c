package host_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host"
)

// startEcho makes a VM whose vsock socket sends everything back.
func (b *bed) startEcho(id string) {
	b.Helper()
	vm := b.start(id)
	b.tell(id, "echo", "path", vm.Paths.Vsock)
}

// The end of the card's direction must reach the VM, and the VM's answer to
// it the card.
func TestTunnelHalfClose(t *testing.T) {
	b := newBed(t)
	b.startEcho("a")
	conn, err := b.link.Tunnel(b.ctx, "a", hostapi.Vsock)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	sent := strings.Repeat("0123456789", 100_000)
	var sides sync.WaitGroup
	sides.Go(func() {
		if _, err := io.WriteString(conn, sent); err != nil {
			t.Errorf("write: %v", err)
		}
		if err := conn.CloseWrite(); err != nil {
			t.Errorf("close write: %v", err)
		}
	})
	got, err := io.ReadAll(conn)
	sides.Wait()
	if err != nil || string(got) != sent+"bye" {
		t.Fatalf("read %d bytes of %d: %v", len(got), len(sent)+3, err)
	}
}

func TestTunnelOverTCP(t *testing.T) {
	b := newBed(t)
	b.startEcho("a")
	b.host.Stop()
	b.host.Endpoint = "tcp://" + freeAddress(t)
	b.host.Start()
	b.link = b.host.Link()
	conn, err := b.link.Tunnel(b.ctx, "a", hostapi.Vsock)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "hello ")
	_ = conn.CloseWrite()
	if got, err := io.ReadAll(conn); err != nil || string(got) != "hello bye" {
		t.Fatalf("read %q, %v", got, err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// Bytes that come in one piece with the request must not be lost.
func TestTunnelEarlyBytes(t *testing.T) {
	b := newBed(t)
	b.startEcho("a")
	conn, err := net.Dial("unix", strings.TrimPrefix(b.host.Endpoint, "unix://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "GET /v1/vms/a/tunnels/vsock HTTP/1.1\r\nHost: x\r\n"+
		"Connection: keep-alive, Upgrade\r\nUpgrade: cardplane-tunnel\r\n\r\nearly")
	_ = conn.(*net.UnixConn).CloseWrite()
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", resp, err)
	}
	if got, err := io.ReadAll(in); err != nil || string(got) != "earlybye" {
		t.Fatalf("read %q, %v", got, err)
	}
}

func TestTunnelErrors(t *testing.T) {
	b := newBed(t)
	b.start("a")
	for name, tc := range map[string]struct {
		vm   string
		kind hostapi.TunnelKind
		code string
	}{
		"no VM":        {"nope", hostapi.Api, "vm_not_found"},
		"no socket":    {"a", hostapi.Vsock, "tunnel_unavailable"},
		"unknown kind": {"a", "usb", "invalid_tunnel"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.link.Tunnel(b.ctx, tc.vm, tc.kind)
			wantCode(t, err, tc.code)
		})
	}
}

// A thousand tunnels must leave no descriptor in the server (this process)
// and no goroutine (goleak).
func TestManyTunnelsLeakNothing(t *testing.T) {
	b := newBed(t)
	b.startEcho("a")
	use := func(i int) {
		conn, err := b.link.Tunnel(b.ctx, "a", hostapi.Vsock)
		if err != nil {
			t.Errorf("tunnel %d: %v", i, err)
			return
		}
		defer func() { _ = conn.Close() }()
		message := fmt.Sprint(i)
		_, _ = io.WriteString(conn, message)
		got := make([]byte, len(message))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != message {
			t.Errorf("tunnel %d: %q, %v", i, got, err)
		}
	}
	use(-1)
	before := countFDs(t)
	var workers sync.WaitGroup
	for w := range 8 {
		workers.Go(func() {
			for i := range 125 {
				use(w*125 + i)
			}
		})
	}
	workers.Wait()
	b.host.Stop() // waits for the tunnels' ends
	b.host.Start()
	if after := countFDs(t); after > before {
		t.Fatalf("%d descriptors before, %d after", before, after)
	}
}

func countFDs(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestEndpoints(t *testing.T) {
	for _, bad := range []string{"", "unix://relative", "unix:relative", "tcp://127.0.0.1", "tcp://0.0.0.0:1", "tcp://example.org:1", "http://127.0.0.1:1", "%zz",
		"vsock://2:1024", "vsock://:0", "vsock://:4294967295", "vsock://1024", "vsock://:1/x"} {
		if l, err := host.Listen(bad); err == nil {
			_ = l.Close()
			t.Errorf("listens at %q", bad)
		} else {
			wantCode(t, err, "invalid_endpoint")
		}
	}
}
