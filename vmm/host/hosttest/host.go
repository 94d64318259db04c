// Package hosttest runs a real host server in a test's process. Its VMMs are
// processes too: the test's own executable, which becomes what the test wants
// (see [BecomeVMM]).
package hosttest

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host"
	"github.com/cardplane/cardplane/vmm/link"
)

// Host is a compute host of a test. Its server can be stopped and started
// again while its VMMs run on.
type Host struct {
	// Endpoint is where the server listens, for link.Open.
	Endpoint string
	// Config is what the server is started with; changes count from the
	// next Start on.
	Config host.Config

	t      testing.TB
	server *host.Server
	serves sync.WaitGroup
}

// New starts a host that is removed, with all its VMMs, when the test ends.
// change may be nil, or changes the server's configuration first.
func New(t testing.TB, change func(*host.Config)) *Host {
	t.Helper()
	// t.TempDir's paths are too long for unix sockets.
	dir, err := os.MkdirTemp("", "vmmd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil { // for VMMs with users of their own
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := &Host{t: t, Endpoint: "unix://" + filepath.Join(dir, "vmmd.sock"), Config: host.Config{
		RunDir:  filepath.Join(dir, "run"),
		DataDir: filepath.Join(dir, "data"),
		UIDDir:  filepath.Join(dir, "uids"),
		Version: "test",
		Programs: []host.Program{{
			Info: hostapi.VMMInfo{Kind: hostapi.VMMKindChQemu, Available: true, Reason: "the test's own executable"},
			Path: self,
		}},
		Landlock: true,
		Tun:      filepath.Join(dir, "tun"), // none, so that this machine's is left alone
		Log:      testLog(t),
	}}
	if change != nil {
		change(&h.Config)
	}
	h.Start()
	t.Cleanup(h.clear)
	return h
}

// Socket is the path of the socket that the server listens on.
func (h *Host) Socket() string { return strings.TrimPrefix(h.Endpoint, "unix://") }

// Start starts the server again after Stop.
func (h *Host) Start() {
	h.t.Helper()
	server, err := host.New(h.Config)
	if err != nil {
		h.t.Fatalf("start host: %v", err)
	}
	l, err := host.Listen(h.Endpoint)
	if err != nil {
		h.t.Fatalf("listen: %v", errors.Join(err, server.Close()))
	}
	h.server = server
	h.Serve(l)
}

// Serve serves a further listener until Stop.
func (h *Host) Serve(l net.Listener) {
	h.t.Helper()
	server := h.server
	h.serves.Go(func() {
		if err := server.Serve(l); err != nil {
			h.t.Errorf("serve: %v", err)
		}
	})
}

// Stop stops the server. VMMs run on.
func (h *Host) Stop() {
	h.t.Helper()
	if h.server == nil {
		return
	}
	if err := h.server.Close(); err != nil {
		h.t.Errorf("stop host: %v", err)
	}
	h.serves.Wait()
	h.server = nil
}

// Link returns a link to the host that is closed when the test ends.
func (h *Host) Link() *link.Link {
	h.t.Helper()
	l, err := link.Open(h.Endpoint)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(l.Close)
	return l
}

// clear kills all VMMs and stops the server.
func (h *Host) clear() {
	h.Config.Step = nil
	h.Stop()
	h.Start()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	l := h.Link()
	vms, err := l.VMs(ctx)
	if err != nil {
		h.t.Errorf("list VMs: %v", err)
	}
	for _, vm := range vms {
		if err := l.DeleteVM(ctx, vm.Id, 0); err != nil {
			h.t.Errorf("delete VM: %v", err)
		}
	}
	l.Close()
	h.Stop()
}

// testLog returns a logger that writes to the test's output.
func testLog(t testing.TB) logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(t.Output())
	log.SetLevel(logrus.DebugLevel)
	return log
}
