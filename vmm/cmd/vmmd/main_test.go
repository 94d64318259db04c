package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/hosttest"
	"github.com/cardplane/cardplane/vmm/link"
)

func TestMain(m *testing.M) {
	hosttest.BecomeVMM(func(ctx context.Context, v *hosttest.VMM) error { return v.ServeAPI(ctx, nil) })
	goleak.VerifyTestMain(m)
}

// newTestMain returns a vmmd whose ch-qemu is this executable and whose QEMU
// says that it is new enough.
func newTestMain(t *testing.T) *Main {
	t.Helper()
	dir, err := os.MkdirTemp("", "vmmd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	qemu := "#!/bin/sh\necho 'QEMU emulator version 10.0.2'\n"
	if err := os.WriteFile(filepath.Join(dir, "qemu-system-x86_64"), []byte(qemu), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("CARDPLANE_CLOUD_HYPERVISOR", filepath.Join(dir, "absent"))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m := NewMain()
	m.Out, m.Err = io.Discard, t.Output()
	err = m.ParseFlags([]string{
		"--listen", "unix://" + filepath.Join(dir, "s"), "--run-dir", filepath.Join(dir, "run"),
		"--data-dir", filepath.Join(dir, "data"), "--ch-qemu", self,
		"--vm-uids", "none",
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// run starts m and returns a link to it and what ends it.
func run(t *testing.T, m *Main) (l *link.Link, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	listening := make(chan struct{})
	m.Listening = func() { close(listening) }
	result := make(chan error, 1)
	go func() { result <- m.Run(ctx) }()
	select {
	case <-listening:
	case err := <-result:
		cancel()
		t.Fatalf("run: %v", err)
	}
	l, err := link.Open(m.Listen[0])
	if err != nil {
		t.Fatal(err)
	}
	return l, func() {
		cancel()
		l.Close()
		if err := <-result; err != nil {
			t.Errorf("run: %v", err)
		}
	}
}

// The daemon serves, leaves its VMs when it stops, and finds them again.
func TestServe(t *testing.T) {
	m := newTestMain(t)
	spec := hostapi.VMSpec{Vmm: hostapi.VMMChoiceAuto}
	l, stop := run(t, m)
	first, err := l.PutVM(t.Context(), "a", spec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Checks(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop()
	l, stop = run(t, m)
	defer stop()
	again, err := l.PutVM(t.Context(), "a", spec)
	if err != nil || again.Pid != first.Pid {
		t.Fatalf("%+v, %v", again, err)
	}
	if err := l.DeleteVM(t.Context(), "a", time.Second); err != nil {
		t.Fatal(err)
	}
}

func TestSecondDaemonIsRefused(t *testing.T) {
	m := newTestMain(t)
	_, stop := run(t, m)
	defer stop()
	second := *m
	second.Listening = nil
	if err := second.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "another vmmd serves") {
		t.Fatalf("got %v", err)
	}
}

func TestSocketIsPrivate(t *testing.T) {
	m := newTestMain(t)
	_, stop := run(t, m)
	defer stop()
	info, err := os.Stat(strings.TrimPrefix(m.Listen[0], "unix://"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
}

func TestBadFlags(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"command":      {[]string{"serve"}, "no command"},
		"flag":         {[]string{"--nope"}, "unknown flag"},
		"vmm":          {[]string{"--vmm", "bochs"}, "no VMM"},
		"absent vmm":   {[]string{"--vmm", "cloud-hypervisor"}, "cannot be used"},
		"level":        {[]string{"--log-level", "loud"}, "no level"},
		"endpoint":     {[]string{"--listen", "ftp://x"}, "no endpoint"},
		"open TCP":     {[]string{"--listen", "tcp://0.0.0.0:1"}, "not a loopback address"},
		"uids":         {[]string{"--vm-uids", "5"}, "FIRST-LAST"},
		"long run dir": {[]string{"--run-dir", filepath.Join(t.TempDir(), strings.Repeat("x", 100))}, "too long"},
		"odd run dir":  {[]string{"--run-dir", filepath.Join(os.TempDir(), "vmmd,x")}, "choose another"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Cleanup(func() { _ = os.RemoveAll(filepath.Join(os.TempDir(), "vmmd,x")) })
			m := newTestMain(t)
			m.Listen = nil
			err := m.ParseFlags(tc.args)
			if err == nil {
				err = m.Run(t.Context())
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestHelpAndDoctor(t *testing.T) {
	m := newTestMain(t)
	var help, out bytes.Buffer
	m.Err, m.Out = &help, &out
	if err := m.ParseFlags([]string{"--help"}); !errors.Is(err, pflag.ErrHelp) || !strings.Contains(help.String(), "--run-dir") {
		t.Fatalf("%v, %q", err, help.String())
	}
	if err := m.ParseFlags([]string{"doctor", "--ch-qemu", "/nonexistent/ch-qemu"}); err != nil {
		t.Fatal(err)
	}
	if err := m.Run(t.Context()); err == nil {
		t.Fatal("a host without a VMM is well")
	}
	for _, want := range []string{"fail  ch-qemu", "→ install ch-qemu", "ok    qemu"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
