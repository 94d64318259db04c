package image

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/cardplane/cardplane/cardplane"
)

// requireToken makes r want a bearer token, which a token server on the same
// host gives to the owner of an identity token.
func requireToken(r *testRegistry, identity, bearer string) {
	r.intercept(func(w http.ResponseWriter, req *http.Request) bool {
		switch {
		case req.URL.Path == "/token":
			if req.Method != http.MethodPost || req.FormValue("grant_type") != "refresh_token" || req.FormValue("refresh_token") != identity {
				w.WriteHeader(http.StatusUnauthorized)
				return true
			}
			_ = json.NewEncoder(w).Encode(map[string]string{"access_token": bearer})
			return true
		case req.Header.Get("Authorization") == "Bearer "+bearer:
			return false
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, r.host))
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
}

func TestPullIdentityToken(t *testing.T) {
	r, s := newRegistry(t), openStore(t)
	ref := r.push("private", newImage(t, packTar(t, "a", "1")))
	requireToken(r, "refresh-me", "let-me-in")
	try := func(c cardplane.RegistryCredentials) error {
		_, err := s.Pull(context.Background(), ref, cardplane.PullOptions{Credentials: &c})
		return err
	}
	wantCode(t, try(cardplane.RegistryCredentials{IdentityToken: "guess"}), "registry_unauthorized")
	wantCode(t, try(cardplane.RegistryCredentials{Token: "guess"}), "registry_unauthorized")
	if err := try(cardplane.RegistryCredentials{IdentityToken: "refresh-me"}); err != nil {
		t.Error(err)
	}
	if _, err := openStore(t).Pull(context.Background(), ref, cardplane.PullOptions{Credentials: &cardplane.RegistryCredentials{Token: "let-me-in"}}); err != nil {
		t.Error(err)
	}
}

// TestPullCredentialHelper has a helper that gives a password to one registry
// and an identity token to another.
func TestPullCredentialHelper(t *testing.T) {
	byPassword, byToken := newRegistry(t), newRegistry(t)
	img := newImage(t, packTar(t, "a", "1"))
	refs := []string{byPassword.push("private", img), byToken.push("private", img)}
	byPassword.intercept(requireBasic)
	requireToken(byToken, "refresh-me", "let-me-in")
	dir := t.TempDir()
	helper := "#!/bin/sh\nread host\ncase $host in\n" +
		byPassword.host + `) echo '{"ServerURL":"","Username":"joe","Secret":"secret"}';;` + "\n" +
		byToken.host + `) echo '{"ServerURL":"","Username":"<token>","Secret":"refresh-me"}';;` + "\n" +
		"*) echo 'credentials not found in native keychain'; exit 1;;\nesac\n"
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-test"), []byte(helper), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"credsStore":"test"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("DOCKER_CONFIG", dir)
	for _, ref := range refs {
		s := openStore(t, func(o *Options) { o.Keychain = authn.DefaultKeychain })
		if _, err := pull(s, ref); err != nil {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

// TestPullTrust pulls from a registry whose certificate only the directory of
// certificates vouches for.
func TestPullTrust(t *testing.T) {
	plain := newRegistry(t)
	plain.push("app", newImage(t, packTar(t, "a", "1")))
	server := httptest.NewUnstartedServer(plain)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "https://")
	dir := t.TempDir()
	s := openStore(t, func(o *Options) { o.CertsDir = dir })
	_, err := pull(s, host+"/app")
	wantCode(t, err, "registry_unavailable")

	if err := os.Mkdir(filepath.Join(dir, host), 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, host, "ca.crt")
	if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = pull(s, host+"/app"); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a file without certificate: %v", err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(path, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := pull(s, host+"/app"); err != nil {
		t.Error(err)
	}
}
