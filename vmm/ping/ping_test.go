package ping

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
)

func TestCheckVersion(t *testing.T) {
	for version, ok := range map[string]bool{"53.0.0": true, "v53.1": true, "54": true, "52.9": false, "": false, "new": false} {
		err := CheckVersion(version)
		if (err == nil) != ok || err != nil && !apierr.Is(err, CodeTooOld) {
			t.Errorf("%q: %v", version, err)
		}
		if err != nil && (!strings.Contains(err.Error(), "53 or later") || !strings.Contains(err.Error(), "CARDPLANE_CLOUD_HYPERVISOR")) {
			t.Errorf("%q: no need or no remedy in %v", version, err)
		}
	}
}

func TestDo(t *testing.T) {
	for answer, want := range map[string]string{
		`{"version":"v53.0.0"}`: "v53.0.0",
		`[]`:                    "",
		`no JSON`:               "",
	} {
		ours, theirs := net.Pipe()
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || r.URL.Path != "/api/v1/vmm.ping" {
				w.WriteHeader(http.StatusNotFound)
			}
			_, _ = io.WriteString(w, answer)
		})}
		go func() { _ = server.Serve(&once{conn: theirs, done: make(chan struct{})}) }()
		version, err := Do(t.Context(), func(context.Context) (net.Conn, error) { return ours, nil })
		if version != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", answer, version, err)
		}
		_ = server.Close()
	}
}

// once is a listener of one connection.
type once struct {
	conn net.Conn
	done chan struct{}
}

func (o *once) Accept() (net.Conn, error) {
	if conn := o.conn; conn != nil {
		o.conn = nil
		return conn, nil
	}
	<-o.done
	return nil, net.ErrClosed
}
func (o *once) Close() error   { close(o.done); return nil }
func (o *once) Addr() net.Addr { return &net.UnixAddr{} }
