package chvmm

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm"
)

func TestListenAPI(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := ListenAPI("path=" + path)
	if err != nil {
		t.Fatalf("a stale socket is in the way: %v", err)
	}
	if _, err := ListenAPI(path); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Fatalf("a second VMM on the same socket: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket stays: %v", err)
	}
	if _, err := os.Lstat(path + ".lock"); err != nil {
		t.Errorf("the lock goes: %v", err)
	}
	for _, bad := range []string{"fd=1", "fd=x", "fd=987654", "colour=red", "path=/nonexistent/dir/s"} {
		if _, err := ListenAPI(bad); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func TestListenFD(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	file, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	inherited, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD, 10)
	if err != nil {
		t.Fatal(err)
	}
	api, err := ListenAPI("fd=" + strconv.Itoa(inherited))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = api.Close() }()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if accepted, err := api.Accept(); err != nil {
		t.Fatal(err)
	} else {
		_ = accepted.Close()
		_ = accepted.Close() // must give its place back once
	}
}

func TestMonitor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	m, err := OpenMonitor("path=" + path)
	if err != nil {
		t.Fatal(err)
	}
	m.Emit(vmm.EventBooted, nil)
	m.Emit(vmm.EventDeviceRemoved, map[string]string{"id": "x"})
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(text, []byte("{\n  \"timestamp\": {\n    \"secs\": 0,\n    \"nanos\": ")) || !bytes.Contains(text, []byte("\"properties\": null\n}\n\n{")) {
		t.Errorf("not in the real VMM's form:\n%s", text)
	}
	d := vmm.NewEventDecoder(bytes.NewReader(text))
	for _, want := range []vmm.EventKind{vmm.EventBooted, vmm.EventDeviceRemoved} {
		if e, err := d.Next(); err != nil || e.Kind != want {
			t.Fatalf("%+v %v", e, err)
		}
	}
	(*Monitor)(nil).Emit(vmm.EventBooted, nil)
}

// A pipe that nobody reads loses events and stops nothing.
func TestMonitorFullPipe(t *testing.T) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fds[0]) }()
	m, err := OpenMonitor("fd=" + strconv.Itoa(fds[1]))
	if err != nil {
		t.Fatal(err)
	}
	for range 2000 {
		m.Emit(vmm.EventBooted, nil)
	}
	_ = unix.Close(fds[1])
	r := os.NewFile(uintptr(fds[0]), "pipe")
	d := vmm.NewEventDecoder(r)
	n := 0
	for {
		if _, err := d.Next(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n == 0 || n >= 2000 {
		t.Fatalf("%d events of 2000", n)
	}
}

func FuzzParseOptions(f *testing.F) {
	f.Add("path=/x,fd=3")
	f.Add(",=")
	f.Fuzz(func(t *testing.T, arg string) {
		opts, err := ParseOptions(arg, "path", "fd")
		if err == nil && len(opts) == 0 {
			t.Fatal("no error and no option")
		}
	})
}

// Every operation of the document has a route here, and every route one there.
func TestRoutes(t *testing.T) {
	text, err := os.ReadFile("../../openapi/cloud-hypervisor.yaml")
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]string{}
	path := ""
	for _, line := range strings.Split(string(text), "\n") {
		switch {
		case strings.HasPrefix(line, "  /"):
			path = strings.TrimSuffix(strings.TrimSpace(line), ":")
		case line == "    get:" || line == "    put:":
			described[path] = strings.ToUpper(strings.Trim(line, " :"))
		}
	}
	for path, method := range described {
		if routes[path].method != method {
			t.Errorf("%s %s is described; the route has %q", method, path, routes[path].method)
		}
	}
	for path := range routes {
		if described[path] == "" {
			t.Errorf("%s is not described", path)
		}
	}
}
