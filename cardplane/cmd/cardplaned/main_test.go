package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/cardplanetest"
	"github.com/cardplane/cardplane/cardplane/httpclient"
	"github.com/cardplane/cardplane/cardplane/sandbox/vmtest"
	"github.com/cardplane/cardplane/guest-agent/agenttest"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/vmm/host/hosttest"
)

func TestMain(m *testing.M) {
	vmtest.BecomeVMM()
	goleak.VerifyTestMain(m)
}

func TestParseFlags(t *testing.T) {
	var m Main
	if err := m.ParseFlags(nil); err != nil {
		t.Fatal(err)
	}
	if strings.Join(m.Listen, " ") != defaultListen || m.Link != defaultLink || m.LogLevel != logrus.InfoLevel {
		t.Errorf("defaults: %+v", m)
	}
	for _, tc := range []struct{ args, says string }{
		{"--listen tcp://127.0.0.1:7070 --listen unix:///x.sock", ""},
		{"--listen tcp://[::1]:7070", ""},
		{"--listen tcp://0.0.0.0:7070", "loopback addresses only, such as tcp://127.0.0.1:7070"},
		{"--listen tcp://192.0.2.1:7070", "loopback addresses only"},
		{"--listen tcp://localhost:7070", "loopback addresses only"},
		{"--listen tls://127.0.0.1:7443 --tls-cert c --tls-key k", ""},
		{"--listen tls://0.0.0.0:7443 --tls-cert c --tls-key k --tls-client-ca a", ""},
		{"--listen tls://card.example:7443 --tls-cert c --tls-key k --tls-client-ca a", ""},
		{"--listen tls://0.0.0.0:7443 --tls-cert c --tls-key k", "--tls-client-ca"},
		{"--listen tls://localhost:7443 --tls-cert c --tls-key k", "--tls-client-ca"},
		{"--listen tls://127.0.0.1:7443 --tls-cert c", "give --tls-cert and --tls-key"},
		{"--listen tls://127.0.0.1", "is no endpoint"},
		{"--tls-cert c --tls-key k", "add one with --listen"},
		{"--listen :7070", "is no endpoint"},
		{"--listen unix://relative.sock", "is no endpoint"},
		{"--log-level chatty", "use debug, info"},
		{"--boot-timeout -1s", "not positive"},
		{"--templates -1", "give 0 to 64"},
		{"stray", "all settings are flags"},
	} {
		var m Main
		err := m.ParseFlags(strings.Fields(tc.args))
		if tc.says == "" && err != nil || tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says)) {
			t.Errorf("%s: %v, want %q", tc.args, err, tc.says)
		}
	}
}

func TestListenUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "s")
	l, err := listenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := listenUnix(path); err == nil || !strings.Contains(err.Error(), "another process listens there") {
		t.Errorf("a socket in use: %v", err)
	}
	// What a killed process leaves behind is replaced.
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l, err = listenUnix(path); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	// A file that is no socket is not ours to remove.
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := listenUnix(path); err == nil {
		t.Errorf("replaced a file: %v", l.Addr())
	}
}

// daemon is a running cardplaned.
type daemon struct {
	main   *Main
	client *httpclient.Client
	cancel context.CancelFunc
	done   chan error
}

// newMain returns a Main for host in dir.
func newMain(t *testing.T, dir, link, cmdline string) *Main {
	t.Helper()
	return &Main{
		Listen:  []string{"unix://" + filepath.Join(dir, "s"), "tcp://127.0.0.1:0"},
		Link:    link,
		DataDir: filepath.Join(dir, "data"), Guest: vmtest.Artefacts(t, cmdline),
		BootTimeout: time.Minute, LogLevel: logrus.DebugLevel, Output: t.Output(),
	}
}

func start(t *testing.T, m *Main) *daemon {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	d := &daemon{main: m, cancel: cancel, done: make(chan error, 1)}
	go func() { d.done <- errors.Join(m.Run(ctx), m.Close()) }()
	client, err := httpclient.New(m.Listen[0])
	if err != nil {
		t.Fatal(err)
	}
	d.client = client
	t.Cleanup(func() { _ = client.Close() })
	for {
		_, err := client.System().VersionInfo(t.Context())
		if err == nil {
			return d
		}
		select {
		case err := <-d.done:
			t.Fatalf("cardplaned has ended: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
}

func (d *daemon) stop(t *testing.T) {
	t.Helper()
	d.cancel()
	if err := <-d.done; err != nil {
		t.Error(err)
	}
}

// The daemon as a whole, over its socket: it runs a container, and a follower
// does not keep it from ending; the next one takes the container up.
func TestRun(t *testing.T) {
	host := hosttest.New(t, nil)
	agents := vmtest.NewAgents(t, func() (string, <-chan struct{}) {
		a := agenttest.Start(t)
		return a.Socket, a.PoweredOff()
	})
	dir := shortDir(t)
	m := newMain(t, dir, host.Endpoint, agents.Cmdline)
	d := start(t, m)
	archive := strings.NewReader(string(cardplanetest.Archive(cardplane.ImageConfig{}, "test:latest")))
	if _, err := d.client.Images().Load(t.Context(), archive, cardplane.LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	containers := d.client.Containers()
	gate := filepath.Join(dir, "gate")
	c, err := containers.Create(t.Context(), cardplane.ContainerSpec{
		Image: "test", Command: []string{"sh", "-c", "echo hello; while [ ! -e " + gate + " ]; do sleep 0.01; done; exit 5"},
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := containers.Start(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	logs, err := containers.Logs(t.Context(), c.ID, cardplane.LogOptions{Stdout: true, Follow: true, Tail: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = logs.Close() }()
	if rec, err := logs.Next(t.Context()); err != nil || string(rec.Data) != "hello\n" {
		t.Fatalf("log %q, %v", rec.Data, err)
	}
	d.stop(t)

	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d = start(t, newMain(t, dir, host.Endpoint, agents.Cmdline))
	defer d.stop(t)
	if got, err := d.client.Containers().Wait(t.Context(), c.ID, cardplane.WaitNotRunning); err != nil || got.ExitCode != 5 {
		t.Errorf("after a restart: %+v, %v", got, err)
	}
	if v, err := d.client.System().VersionInfo(t.Context()); err != nil || v.Epoch != 2 || !v.Host.Reachable {
		t.Errorf("version %+v, %v", v, err)
	}
}

// shortDir is a temporary directory with a path short enough for a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cardplaned")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func TestSecondInstanceIsRefused(t *testing.T) {
	dir := shortDir(t)
	d := start(t, newMain(t, dir, "unix:///nonesuch", "quiet"))
	defer d.stop(t)
	second := newMain(t, dir, "unix:///nonesuch", "quiet")
	err := errors.Join(second.Run(t.Context()), second.Close())
	if !apierr.Is(err, "data_dir_in_use") || !strings.Contains(err.Error(), "--data-dir") {
		t.Errorf("second instance: %v", err)
	}
	// The first is not harmed.
	if _, err := d.client.System().VersionInfo(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestGuestMissing(t *testing.T) {
	m := newMain(t, shortDir(t), "unix:///nonesuch", "quiet")
	m.Guest, m.Output = t.TempDir(), io.Discard
	err := errors.Join(m.Run(t.Context()), m.Close())
	if !apierr.Is(err, "guest_artefacts_missing") || !strings.Contains(err.Error(), "--guest") {
		t.Errorf("no artefacts: %v", err)
	}
}
