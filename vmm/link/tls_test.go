package link_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host"
	"github.com/cardplane/cardplane/vmm/host/hosttest"
	"github.com/cardplane/cardplane/vmm/link"
)

// identity makes name.crt and name.key in dir.
func identity(t *testing.T, dir, name string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".crt": {Type: "CERTIFICATE", Bytes: cert}, name + ".key": {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// tlsEndpoint is where own and peer meet.
func tlsEndpoint(dir, address, own, peer string) string {
	return "tls://" + address + "?" + url.Values{
		"cert": {filepath.Join(dir, own+".crt")}, "key": {filepath.Join(dir, own+".key")}, "peer": {filepath.Join(dir, peer+".crt")},
	}.Encode()
}

// tlsHost serves card on a TCP port of loopback.
func tlsHost(t *testing.T, dir string) (address string) {
	t.Helper()
	for _, name := range []string{"host", "card", "other"} {
		identity(t, dir, name)
	}
	h := hosttest.New(t, nil)
	l, err := host.Listen(tlsEndpoint(dir, "127.0.0.1:0", "host", "card"))
	if err != nil {
		t.Fatal(err)
	}
	h.Serve(l)
	return l.Addr().String()
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	l, err := link.Open(tlsEndpoint(dir, tlsHost(t, dir), "card", "host"))
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
		"another card": tlsEndpoint(dir, address, "other", "host"),
		"another host": tlsEndpoint(dir, address, "card", "other"),
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
	identity(t, dir, "card")
	for name, endpoint := range map[string]string{
		"no query":  "tls://127.0.0.1:1",
		"no peer":   tlsEndpoint(dir, "127.0.0.1:1", "card", "nobody"),
		"no own":    tlsEndpoint(dir, "127.0.0.1:1", "nobody", "card"),
		"a key":     tlsEndpoint(dir, "127.0.0.1:1", "card", "card") + "&peer=" + filepath.Join(dir, "card.key"),
		"more":      tlsEndpoint(dir, "127.0.0.1:1", "card", "card") + "&x=y",
		"otherwise": "tls://127.0.0.1:1?cert=a&key=b&ca=c",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := link.Open(endpoint)
			_, listenErr := host.Listen(endpoint)
			if name == "a key" { // the first peer counts
				return
			}
			wantCode(t, err, "invalid_tls")
			wantCode(t, listenErr, "invalid_tls")
		})
	}
}
