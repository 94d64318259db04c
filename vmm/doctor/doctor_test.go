package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/hostapi"
)

// script writes an executable that prints text.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho '"+text+"'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const absent = "/nonexistent/program"

// Which VMM a host can use depends on KVM, the programs and their versions.
func TestVMMs(t *testing.T) {
	ch := script(t, "cloud-hypervisor v53.0.0")
	oldCH := script(t, "cloud-hypervisor v51.1")
	qemu := script(t, "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)")
	oldQEMU := script(t, "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)")
	oddQEMU := script(t, "hello")
	chQemu := script(t, "")
	noKVM := func() error { return errors.New("no KVM") }
	for name, tc := range map[string]struct {
		cfg            Config
		ch, q          bool
		chWhy, qWhy    string
		vmm, qemuCheck hostapi.CheckStatus
	}{
		"all":        {Config{CloudHypervisor: ch, CHQemu: chQemu, QEMU: qemu}, true, true, "53.0.0", "10.0.2", hostapi.Ok, hostapi.Ok},
		"no KVM":     {Config{KVM: noKVM, CloudHypervisor: ch, CHQemu: chQemu, QEMU: qemu}, false, true, "no KVM", "10.0.2", hostapi.Ok, hostapi.Ok},
		"old CH":     {Config{CloudHypervisor: oldCH, CHQemu: chQemu, QEMU: qemu}, false, true, "53 or newer", "10.0.2", hostapi.Ok, hostapi.Ok},
		"old QEMU":   {Config{KVM: noKVM, CloudHypervisor: ch, CHQemu: chQemu, QEMU: oldQEMU}, false, false, "no KVM", "10 or newer", hostapi.Fail, hostapi.Fail},
		"odd QEMU":   {Config{CloudHypervisor: ch, CHQemu: chQemu, QEMU: oddQEMU}, true, false, "53.0.0", "hello", hostapi.Ok, hostapi.Warn},
		"no ch-qemu": {Config{KVM: noKVM, CloudHypervisor: ch, CHQemu: absent, QEMU: qemu}, false, false, "no KVM", absent, hostapi.Fail, hostapi.Ok},
		"nothing":    {Config{KVM: noKVM, CloudHypervisor: absent, CHQemu: absent, QEMU: absent}, false, false, absent, absent, hostapi.Fail, hostapi.Fail},
	} {
		t.Run(name, func(t *testing.T) {
			vmms := VMMs(context.Background(), tc.cfg)
			for i, want := range []struct {
				available bool
				why       string
			}{{tc.ch, tc.chWhy}, {tc.q, tc.qWhy}} {
				if got := vmms[i].Info; got.Available != want.available || !strings.Contains(got.Reason, want.why) {
					t.Errorf("%s: %v, %q", got.Kind, got.Available, got.Reason)
				}
			}
			for _, c := range Run(context.Background(), tc.cfg) {
				want, ok := map[string]hostapi.CheckStatus{CheckVMM: tc.vmm, CheckQEMU: tc.qemuCheck}[c.Name]
				if ok && c.Status != want {
					t.Errorf("check %s: %+v", c.Name, c)
				}
			}
		})
	}
}

// Every check that is not ok tells what mends it; one that is tells nothing.
func TestEveryLackHasARemedy(t *testing.T) {
	bad := func() error { return errors.New("bad") }
	dir := t.TempDir()
	for _, cfg := range []Config{
		{KVM: bad, Cgroups: bad, CloudHypervisor: absent, CHQemu: absent, QEMU: absent, RunDir: file(t, ""), DataDir: "/proc/x"},
		{RunDir: dir, DataDir: dir},
	} {
		for _, c := range Run(context.Background(), cfg) {
			if c.Detail == "" || (c.Status == hostapi.Ok) != (c.Remedy == "") {
				t.Errorf("%+v", c)
			}
		}
	}
}

func TestMemory(t *testing.T) {
	for kib, want := range map[int64]hostapi.CheckStatus{1 << 10: hostapi.Fail, 512 << 10: hostapi.Warn, 4 << 20: hostapi.Ok} {
		path := file(t, fmt.Sprintf("MemTotal: 9 kB\nMemAvailable:   %d kB\n", kib))
		if c := checkMemory(path); c.Status != want {
			t.Errorf("%d KiB: %+v", kib, c)
		}
	}
	for _, path := range []string{absent, file(t, "MemTotal: 9 kB\n"), file(t, "MemAvailable: x kB\n")} {
		if c := checkMemory(path); c.Status != hostapi.Warn {
			t.Errorf("%+v", c)
		}
	}
}

func TestSpace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "yet")
	for want, n := range map[hostapi.CheckStatus]needs{
		hostapi.Ok:   {},
		hostapi.Warn: {warn: 1 << 62},
		hostapi.Fail: {fail: 1 << 62},
	} {
		if c := checkSpace("run-dir", dir, n); c.Status != want {
			t.Errorf("%+v", c)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 1 << 30: "1 GiB", 1 << 62: "4 EiB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
