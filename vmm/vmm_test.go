package vmm_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm"
	"github.com/cardplane/cardplane/vmm/vmmtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve answers requests like handler on a unix socket of its own.
func serve(t *testing.T, handler http.HandlerFunc) *vmm.VMM {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	v := vmm.New(vmm.UnixDialer(path))
	t.Cleanup(func() {
		v.Close()
		_ = server.Close()
		<-done
	})
	return v
}

// What Cloud Hypervisor's HTTP server insists on.
func TestWire(t *testing.T) {
	v := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case len(r.TransferEncoding) > 0:
			t.Errorf("%s: chunked body", r.URL.Path)
		case r.URL.Path == "/api/v1/vm.create" && r.ContentLength != int64(len(body)):
			t.Errorf("Content-Length %d, body %d", r.ContentLength, len(body))
		case r.URL.Path == "/api/v1/vm.boot" && len(body) > 0:
			t.Errorf("boot has the body %q", body)
		case r.URL.RawQuery != "":
			t.Errorf("query %q", r.URL.RawQuery)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	ctx := context.Background()
	if err := v.Create(ctx, chapi.VmConfig{Payload: &chapi.PayloadConfig{Kernel: strings.Repeat("k", 20000)}}); err != nil {
		t.Fatal(err)
	}
	if err := v.Boot(ctx); err != nil {
		t.Fatal(err)
	}
	info, err := v.AddDisk(ctx, chapi.DiskConfig{})
	if err != nil || info != (chapi.PciDeviceInfo{}) {
		t.Fatalf("%+v %v", info, err)
	}
}

func TestOldVersion(t *testing.T) {
	dir := t.TempDir()
	fake := vmmtest.StartFake(t, vmmtest.FakeOptions{Socket: filepath.Join(dir, "s"), Version: "52.0.0"})
	v := vmm.New(fake.Dial)
	defer v.Close()
	if _, err := v.WaitReady(context.Background()); !apierr.Is(err, "vmm_too_old") {
		t.Fatalf("got %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	v := vmm.New(vmm.UnixDialer(filepath.Join(t.TempDir(), "nothing")))
	defer v.Close()
	err := v.Boot(context.Background())
	if !apierr.Is(err, "vmm_unreachable") || !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := v.WaitReady(ctx); apierr.ClassOf(err) != apierr.Unavailable {
		t.Fatalf("got %v", err)
	}
}

func TestGarbageAnswer(t *testing.T) {
	v := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{")) })
	if _, err := v.Info(context.Background()); !apierr.Is(err, "vmm_bad_answer") {
		t.Fatalf("got %v", err)
	}
}

// A VMM that appears while WaitReady waits is found.
func TestWaitReady(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	tried := make(chan struct{}, 1)
	v := vmm.New(func(ctx context.Context) (net.Conn, error) {
		select {
		case tried <- struct{}{}:
		default:
		}
		return vmm.UnixDialer(path)(ctx)
	})
	defer v.Close()
	ready := make(chan error, 1)
	go func() {
		_, err := v.WaitReady(context.Background())
		ready <- err
	}()
	<-tried
	vmmtest.StartFake(t, vmmtest.FakeOptions{Socket: path})
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
}
