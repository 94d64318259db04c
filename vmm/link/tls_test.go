package link_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host"
	"github.com/cardplane/cardplane/vmm/host/hosttest"
	"github.com/cardplane/cardplane/vmm/link"
	"github.com/cardplane/cardplane/vmm/pinned/pinnedtest"
)

// tlsHost serves card on a TCP port of loopback.
func tlsHost(t *testing.T, dir string) (address string) {
	t.Helper()
	for _, name := range []string{"host", "card", "other"} {
		pinnedtest.Identity(t, dir, name)
	}
	h := hosttest.New(t, nil)
	l, err := host.Listen(pinnedtest.Endpoint(dir, "127.0.0.1:0", "host", "card"))
	if err != nil {
		t.Fatal(err)
	}
	h.Serve(l)
	return l.Addr().String()
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	l, err := link.Open(pinnedtest.Endpoint(dir, tlsHost(t, dir), "card", "host"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.PutVM(t.Context(), "a", spec); err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("blob"), 1<<20)
	if err := l.Upload(t.Context(), digestOf(data), int64(len(data)), bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	tunnel, err := l.Tunnel(t.Context(), "a", hostapi.Api)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tunnel.Close() }()
	if _, err := io.WriteString(tunnel, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := tunnel.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(tunnel); err != nil || !bytes.HasSuffix(got, []byte("pong")) {
		t.Fatalf("%q, %v", got, err)
	}
}

// Neither side takes another certificate than the pinned one, nor none.
func TestTLSRefuses(t *testing.T) {
	dir := t.TempDir()
	address := tlsHost(t, dir)
	for name, endpoint := range map[string]string{
		"another card": pinnedtest.Endpoint(dir, address, "other", "host"),
		"another host": pinnedtest.Endpoint(dir, address, "card", "other"),
		"no TLS":       "tcp://" + address,
	} {
		t.Run(name, func(t *testing.T) {
			l, err := link.Open(endpoint)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if _, err := l.Host(t.Context()); err == nil {
				t.Error("it was served")
			}
			if _, err := l.Tunnel(t.Context(), "a", hostapi.Api); apierr.Is(err, "vm_not_found") {
				t.Error("a tunnel was served")
			}
		})
	}
}

func TestTLSFiles(t *testing.T) {
	dir := t.TempDir()
	pinnedtest.Identity(t, dir, "card")
	for name, endpoint := range map[string]string{
		"no query":  "tls://127.0.0.1:1",
		"no peer":   pinnedtest.Endpoint(dir, "127.0.0.1:1", "card", "nobody"),
		"no own":    pinnedtest.Endpoint(dir, "127.0.0.1:1", "nobody", "card"),
		"more":      pinnedtest.Endpoint(dir, "127.0.0.1:1", "card", "card") + "&x=y",
		"otherwise": "tls://127.0.0.1:1?cert=a&key=b&ca=c",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := link.Open(endpoint)
			_, listenErr := host.Listen(endpoint)
			wantCode(t, err, "invalid_tls")
			wantCode(t, listenErr, "invalid_tls")
		})
	}
}
