// Package pinnedtest makes certificates for tests of package pinned.
package pinnedtest

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"testing"
)

// Identity makes name.crt and name.key in dir.
func Identity(t testing.TB, dir, name string) {
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

// Endpoint is address for the side that is own and expects peer.
func Endpoint(dir, address, own, peer string) string {
	return "tls://" + address + "?" + url.Values{
		"cert": {filepath.Join(dir, own+".crt")}, "key": {filepath.Join(dir, own+".key")}, "peer": {filepath.Join(dir, peer+".crt")},
	}.Encode()
}
