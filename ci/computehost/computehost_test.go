package computehost

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/rootfs/manifest"
)

func TestConsoleKeepsItsEnd(t *testing.T) {
	var seen strings.Builder
	c := &console{to: &seen}
	for i := range 50_000 {
		fmt.Fprintf(c, "line %d\r\n", i)
	}
	if got := c.tail(2); got != "line 49998\nline 49999" {
		t.Errorf("tail %q", got)
	}
	if n := len(c.String()); n > maxConsole || n < maxConsole/2 {
		t.Errorf("%d bytes are kept", n)
	}
	if !strings.HasPrefix(seen.String(), "line 0\r\n") {
		t.Error("what was written was not passed on")
	}
}

// An end that nobody asked for is a crash, and so is a panic while the host
// was powering off.
func TestCrashed(t *testing.T) {
	for name, c := range map[string]struct {
		wish    wish
		exit    error
		reasons []string
		want    bool
	}{
		"by itself":     {toRun, nil, []string{"SHUTDOWN guest-shutdown"}, true},
		"powered off":   {toPowerOff, nil, []string{"SHUTDOWN guest-shutdown"}, false},
		"panic":         {toPowerOff, nil, []string{panicked, "SHUTDOWN guest-reset"}, true},
		"QEMU killed":   {toPowerOff, errors.New("signal: killed"), nil, true},
		"killed by us":  {toBeKilled, errors.New("signal: killed"), nil, false},
		"panic, killed": {toRun, nil, []string{panicked}, true},
	} {
		h := &Host{wish: c.wish, process: &process{err: c.exit}}
		if got := h.crashed(c.reasons); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestArguments(t *testing.T) {
	m := &manifest.Manifest{Kernel: manifest.Kernel{Artefact: manifest.Artefact{File: "k"}}, Cmdline: "quiet",
		Initrd: &manifest.Artefact{File: "i"}, Rootfs: manifest.Artefact{File: "r"}}
	for _, c := range []struct {
		accel Accel
		want  []string
	}{
		{Accel{}, []string{"-accel tcg,thread=multi", "-cpu max,erms=off,fsrm=off,svm=on"}},
		{Accel{KVM: true}, []string{"-accel kvm", "-cpu host"}},
	} {
		args := arguments(Config{Image: "/img", CPUs: 2, MemoryMiB: 64, Accel: c.accel}, m, "/dir")
		line := strings.Join(args, " ")
		for _, want := range append(c.want, "-kernel /img/k", "-initrd /img/i", "size=64M,share=on", "file=/img/r", "file=/dir/data.img", "path=/dir/vhost") {
			if !strings.Contains(line, want) {
				t.Errorf("%q is not in %s", want, line)
			}
		}
		if slices.Contains(args, "") {
			t.Errorf("an empty argument in %q", args)
		}
	}
}

func TestMissingCloudHypervisorIsExplained(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv(EnvCloudHypervisor, "")
	if _, err := CloudHypervisor(); err == nil || !strings.Contains(err.Error(), EnvCloudHypervisor) || !strings.Contains(err.Error(), "releases") {
		t.Errorf("got %v", err)
	}
}

// A distribution's QEMU loses guests of an emulated host.
func TestEmulatedHostTakesOurQEMU(t *testing.T) {
	if got := (Accel{}).QEMU("/top"); got != "/top/build/qemu/qemu-system-x86_64" {
		t.Errorf("emulated: %s", got)
	}
	if got := (Accel{KVM: true}).QEMU("/top"); got != "qemu-system-x86_64" {
		t.Errorf("on KVM: %s", got)
	}
}
