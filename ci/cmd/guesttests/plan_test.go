package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPlan(t *testing.T) {
	missing, unusable := errors.New("get it from X"), errors.New("no svm")
	for name, c := range map[string]struct {
		facts facts
		want  string
	}{
		"neither": {facts{kvm: unusable, cloudHypervisor: missing}, "ch-qemu on this machine; cloud-hypervisor on this machine skipped: get it from X"},
		"no KVM":  {facts{kvm: unusable}, "ch-qemu on this machine; cloud-hypervisor in the emulated compute host"},
		"both":    {facts{}, "ch-qemu on this machine; cloud-hypervisor on this machine"},
		"KVM only": {facts{cloudHypervisor: missing},
			"ch-qemu on this machine; cloud-hypervisor on this machine skipped: get it from X"},
	} {
		var got []string
		for _, l := range plan(c.facts) {
			text := l.String()
			if l.skipped {
				text += " skipped: " + l.why
			}
			got = append(got, text)
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s: %s, want %s", name, s, c.want)
		}
	}
}

// What is required is not skipped in silence.
func TestRequire(t *testing.T) {
	missing, unusable := errors.New("get it from X"), errors.New("no svm")
	const native = "cloud-hypervisor on this machine"
	for name, c := range map[string]struct {
		facts facts
		text  string
		want  string
	}{
		"it runs":          {facts{}, native, ""},
		"nothing":          {facts{cloudHypervisor: missing}, "", ""},
		"no KVM":           {facts{kvm: unusable}, native, "no svm"},
		"no program":       {facts{cloudHypervisor: missing}, native, "get it from X"},
		"the emulated one": {facts{kvm: unusable}, "emulated", ""},
		"no such lane":     {facts{}, "xen", `no lane "xen"`},
	} {
		err := require(plan(c.facts), c.text)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestGuestFor(t *testing.T) {
	root := t.TempDir()
	remote := lane{place: inComputeHost}
	if got := guestFor(remote, root); filepath.Base(got) != "debian" {
		t.Errorf("nothing is built, but %s", got)
	}
	own := filepath.Join(root, "build", "guest", "own")
	if err := os.MkdirAll(own, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(own, "manifest.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := guestFor(remote, root); got != own {
		t.Errorf("%s, want %s", got, own)
	}
	if got := guestFor(lane{}, root); filepath.Base(got) != "debian" {
		t.Errorf("on this machine: %s", got)
	}
}
