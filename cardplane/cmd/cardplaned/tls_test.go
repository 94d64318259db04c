package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardapi"
	sdk "github.com/cardplane/cardplane/openapi/sdk/go"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newAuthority makes name.crt in dir.
func newAuthority(t *testing.T, dir, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: dir}
	a.cert = &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.validNow(a.cert)
	a.key = a.sign(name, a.cert, nil)
	return a
}

func (a *authority) validNow(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
}

// issue makes name.crt and name.key for a server on loopback and for a client.
func (a *authority) issue(name string) {
	a.t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	a.validNow(c)
	a.sign(name, c, a.key)
}

// sign writes a certificate and its key. A nil signer is the key itself.
func (a *authority) sign(name string, c *x509.Certificate, signer *ecdsa.PrivateKey) *ecdsa.PrivateKey {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".crt": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(a.dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	return key
}

// Clients with a certificate of the authority are served, and no others; a
// renewed certificate of the server counts without a restart.
func TestListenTLS(t *testing.T) {
	dir := t.TempDir()
	ours, theirs := newAuthority(t, dir, "ca"), newAuthority(t, dir, "other-ca")
	ours.issue("card")
	ours.issue("me")
	theirs.issue("stranger")
	in := func(name string) string { return filepath.Join(dir, name) }
	m := &Main{TLSCert: in("card.crt"), TLSKey: in("card.key"), TLSClientCA: in("ca.crt")}
	l, err := m.listenTLS("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"version":"here"}`))
	})}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	call := func(query url.Values) error {
		client, err := sdk.New("https://" + l.Addr().String() + "?" + query.Encode())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = client.Close() }()
		resp, err := client.API.GetVersion(context.Background())
		version, err := sdk.Decode[cardapi.Version](t.Context(), client, resp, err)
		if err == nil && version.Version != "here" {
			t.Errorf("%+v", version)
		}
		return err
	}
	mine := url.Values{"ca": {in("ca.crt")}, "cert": {in("me.crt")}, "key": {in("me.key")}}
	if err := call(mine); err != nil {
		t.Error(err)
	}
	for name, query := range map[string]url.Values{
		"no certificate": {"ca": {in("ca.crt")}},
		"a stranger's":   {"ca": {in("ca.crt")}, "cert": {in("stranger.crt")}, "key": {in("stranger.key")}},
	} {
		if err := call(query); !apierr.Is(err, "control_plane_unreachable") || !strings.Contains(err.Error(), "cert=") {
			t.Errorf("%s: %v", name, err)
		}
	}
	theirs.issue("card") // takes the place of the files
	if err := call(mine); !apierr.Is(err, "control_plane_unreachable") || !strings.Contains(err.Error(), "ca=") {
		t.Errorf("renewed by another authority: %v", err)
	}
}

func TestListenTLSFiles(t *testing.T) {
	dir := t.TempDir()
	newAuthority(t, dir, "ca").issue("card")
	in := func(name string) string { return filepath.Join(dir, name) }
	for says, m := range map[string]*Main{
		"--tls-cert and --tls-key: ": {TLSCert: in("nope.crt"), TLSKey: in("card.key")},
		"--tls-client-ca: ":          {TLSCert: in("card.crt"), TLSKey: in("card.key"), TLSClientCA: in("nope.crt")},
		"no certificate in PEM":      {TLSCert: in("card.crt"), TLSKey: in("card.key"), TLSClientCA: in("card.key")},
	} {
		l, err := m.listenTLS("127.0.0.1:0")
		if err == nil {
			_ = l.Close()
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
}
