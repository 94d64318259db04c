package link_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/hosttest"
	"github.com/cardplane/cardplane/vmm/link"
)

func TestMain(m *testing.M) {
	hosttest.BecomeVMM(func(ctx context.Context, v *hosttest.VMM) error {
		return v.ServeAPI(ctx, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "pong") }))
	})
	goleak.VerifyTestMain(m)
}

var spec = hostapi.VMSpec{Vmm: hostapi.VMMChoiceAuto}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if !apierr.Is(err, code) {
		t.Fatalf("got %v, want code %s", err, code)
	}
}

// imposter listens where a host should and answers every connection with
// what answer writes.
func imposter(t *testing.T, answer func(net.Conn)) *link.Link {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = conn.Close() }()
				answer(conn)
			})
		}
	})
	opened, err := link.Open("unix://" + path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		opened.Close()
		_ = l.Close()
		all.Wait()
	})
	return opened
}

// after reads a request's header and then answers.
func after(text string) func(net.Conn) {
	return func(conn net.Conn) {
		buf := make([]byte, 64<<10)
		n := 0
		for !bytes.Contains(buf[:n], []byte("\r\n\r\n")) {
			m, err := conn.Read(buf[n:])
			if err != nil {
				return
			}
			n += m
		}
		_, _ = io.WriteString(conn, text)
	}
}

func TestNoHost(t *testing.T) {
	l, err := link.Open("unix://" + filepath.Join(t.TempDir(), "absent"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = l.Host(t.Context())
	wantCode(t, err, "unreachable")
	_, err = l.Tunnel(t.Context(), "a", hostapi.Api)
	wantCode(t, err, "unreachable")
}

// A tunnel is refused with the host's own error, and anything that is no
// host is told as such.
func TestTunnelAnswers(t *testing.T) {
	const problem = `{"status":404,"class":"not_found","code":"vm_not_found","detail":"no VM"}`
	for name, tc := range map[string]struct{ answer, code string }{
		"problem":  {"HTTP/1.1 404 Not Found\r\nContent-Length: 73\r\n\r\n" + problem, "vm_not_found"},
		"200":      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "bad_response"},
		"garbage":  {"SSH-2.0\r\n\r\n", "connection_lost"},
		"silence":  {"", "connection_lost"},
		"a half":   {"HTTP/1.1 101 Swi", "connection_lost"},
		"redirect": {"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", "bad_response"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := imposter(t, after(tc.answer)).Tunnel(t.Context(), "a", hostapi.Api)
			wantCode(t, err, tc.code)
		})
	}
}

// Bytes that come in one piece with the answer must not be lost.
func TestTunnelEarlyBytes(t *testing.T) {
	l := imposter(t, after("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: cardplane-tunnel\r\n\r\nearly"))
	conn, err := l.Tunnel(t.Context(), "a", hostapi.Api)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if got, err := io.ReadAll(conn); err != nil || string(got) != "early" {
		t.Fatalf("%q, %v", got, err)
	}
}

// A host that takes the connection and says nothing is left at ctx's end.
func TestTunnelHeedsContext(t *testing.T) {
	hold := make(chan struct{})
	l := imposter(t, func(net.Conn) { <-hold })
	defer close(hold)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := l.Tunnel(ctx, "a", hostapi.Api); err == nil {
		t.Fatal("no error")
	}
}

func TestWaitOutlivesRestart(t *testing.T) {
	h := hosttest.New(t, nil)
	l := h.Link()
	if _, err := l.PutVM(t.Context(), "a", spec); err != nil {
		t.Fatal(err)
	}
	waited := make(chan error, 1)
	go func() {
		vm, err := l.Wait(t.Context(), "a")
		if err == nil && vm.State != hostapi.Exited {
			err = fmt.Errorf("state %s", vm.State)
		}
		waited <- err
	}()
	h.Stop()
	h.Start()
	vm, err := l.VM(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(vm.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
}

func TestWaitHeedsContext(t *testing.T) {
	h := hosttest.New(t, nil)
	l := h.Link()
	if _, err := l.PutVM(t.Context(), "a", spec); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := l.Wait(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

// Several uploads of one blob at once all succeed.
func TestConcurrentUploads(t *testing.T) {
	h := hosttest.New(t, nil)
	l := h.Link()
	data := []byte(strings.Repeat("0123456789abcdef", 100_000))
	sum := sha256.Sum256(data)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			if err := l.Upload(t.Context(), digest, int64(len(data)), bytes.NewReader(data)); err != nil {
				t.Errorf("upload: %v", err)
			}
		})
	}
	all.Wait()
	if b, err := l.Blob(t.Context(), digest); err != nil || !b.Complete {
		t.Fatalf("%+v, %v", b, err)
	}
}

// Events that are no events end the stream with an error.
func TestGarbageEvents(t *testing.T) {
	head := "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n"
	l := imposter(t, after(head+"{\"event\":\"one\",\"nextOffset\":1}\nnonsense\n"))
	var seen []string
	err := l.Events(t.Context(), "a", 0, func(e hostapi.VMEvent) error {
		seen = append(seen, e.Event)
		return nil
	})
	wantCode(t, err, "bad_response")
	if strings.Join(seen, " ") != "one" {
		t.Fatalf("%v", seen)
	}
}
