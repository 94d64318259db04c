package httpclient_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/cardplanetest"
	"github.com/cardplane/cardplane/cardplane/httpapi"
	"github.com/cardplane/cardplane/cardplane/httpclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs handler on a unix socket until the test ends and returns its
// endpoint.
func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	// t.TempDir is too long for a socket's path.
	dir, err := os.MkdirTemp("", "cp")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	server := &http.Server{Handler: handler, BaseContext: func(net.Listener) context.Context { return ctx }}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		cancel()
		_ = server.Shutdown(context.Background())
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		_ = os.RemoveAll(dir)
	})
	return "unix://" + path
}

// memory returns services in memory with the image "test".
func memory(t *testing.T) (*cardplanetest.Memory, httpapi.Services) {
	t.Helper()
	m := cardplanetest.NewMemory()
	t.Cleanup(m.Close)
	if _, err := m.Images().Load(t.Context(), bytes.NewReader(cardplanetest.Archive(cardplane.ImageConfig{}, "test:latest")), cardplane.LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	return m, httpapi.Services{Containers: m.Containers(), Images: m.Images(), Volumes: m.Volumes(), Networks: m.Networks(), Configs: m.Configs(), Secrets: m.Secrets(), Sandboxes: m.Sandboxes(), Events: m.Events(), System: m.System()}
}

func newClient(t *testing.T, endpoint string) *httpclient.Client {
	t.Helper()
	client, err := httpclient.New(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// The client of a server of the services in memory passes the same suite as
// the services themselves, and the server logs no error meanwhile.
func TestClientConforms(t *testing.T) {
	cardplanetest.Conform(t, func(t *testing.T) cardplanetest.Harness {
		log, hook := test.NewNullLogger()
		t.Cleanup(func() {
			for _, entry := range hook.AllEntries() {
				if entry.Level <= logrus.WarnLevel {
					t.Errorf("server logged: %s %v", entry.Message, entry.Data)
				}
			}
		})
		_, services := memory(t)
		client := newClient(t, serve(t, httpapi.New(services, log)))
		return cardplanetest.Harness{
			Containers: client.Containers(), Images: client.Images(), Volumes: client.Volumes(), Networks: client.Networks(), Configs: client.Configs(), Secrets: client.Secrets(), Sandboxes: client.Sandboxes(), Events: client.Events(), System: client.System(), Image: "test",
		}
	})
}
