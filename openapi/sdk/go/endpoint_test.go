package sdk_test

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardapi"
	sdk "github.com/cardplane/cardplane/openapi/sdk/go"
)

// server answers /v1/version, over TLS with a certificate of its own.
func server(t *testing.T) (endpoint, certificate string) {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/version" {
			apierr.Write(w, apierr.New(apierr.NotFound, "route_not_found", "there is no %s", r.URL.Path))
			return
		}
		_, _ = w.Write([]byte(`{"version":"1"}`))
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that shall fail
	t.Cleanup(s.Close)
	certificate = filepath.Join(t.TempDir(), "ca.crt")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(certificate, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return s.URL, certificate
}

// An https endpoint is trusted by what its query names, and not without.
func TestTLS(t *testing.T) {
	endpoint, certificate := server(t)
	for query, code := range map[string]string{"?ca=" + certificate: "", "/?ca=" + certificate: "", "": "control_plane_unreachable"} {
		card, err := sdk.New(endpoint + query)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := card.API.GetVersion(t.Context())
		version, err := sdk.Decode[cardapi.Version](t.Context(), card, resp, err)
		if code == "" && (err != nil || version.Version != "1") || code != "" && !apierr.Is(err, code) {
			t.Errorf("%q: %+v, %v", query, version, err)
		}
	}
}

func TestTLSFiles(t *testing.T) {
	_, certificate := server(t)
	for query, says := range map[string]string{
		"ca=/nonexistent":                        "/nonexistent",
		"ca=" + os.Args[0]:                       "no certificate in PEM",
		"cert=" + certificate:                    "cert and key together",
		"cert=/nonexistent&key=/nonexistent":     "/nonexistent",
		"insecure=true":                          `no parameter "insecure"`,
		"cert=" + certificate + "&key=/dev/null": "key input",
	} {
		_, err := sdk.New("https://127.0.0.1:1?" + query)
		if !apierr.Is(err, "invalid_tls") || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", query, err, says)
		}
	}
}
