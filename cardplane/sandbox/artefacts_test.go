package sandbox_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/sandbox/vmtest"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func TestArtefacts(t *testing.T) {
	if _, err := sandbox.OpenArtefacts(t.TempDir()); !apierr.Is(err, "guest_artefacts_missing") {
		t.Errorf("empty directory: %v", err)
	}
	dir := vmtest.Artefacts(t, "quiet")
	a, err := sandbox.OpenArtefacts(dir)
	if err != nil {
		t.Fatal(err)
	}
	if a.Kernel() != "6.12.0-test" {
		t.Errorf("kernel %q", a.Kernel())
	}
	if err := a.Verify(); err != nil {
		t.Error(err)
	}
	// One altered byte leaves the size as it is.
	kernel := filepath.Join(dir, "vmlinux")
	content, err := os.ReadFile(kernel)
	if err != nil {
		t.Fatal(err)
	}
	content[100] ^= 1
	if err := os.WriteFile(kernel, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.Verify(); !apierr.Is(err, "guest_artefacts_invalid") || !strings.Contains(err.Error(), "vmlinux") {
		t.Errorf("altered kernel: %v", err)
	}
	if err := os.Truncate(kernel, 10); err != nil {
		t.Fatal(err)
	}
	if _, err := sandbox.OpenArtefacts(dir); !apierr.Is(err, "guest_artefacts_invalid") {
		t.Errorf("short kernel: %v", err)
	}
}

// A disk is made from the largest template that it has room for.
func TestTemplateOfDisk(t *testing.T) {
	dir := vmtest.Artefacts(t, "quiet")
	a, err := sandbox.OpenArtefacts(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		size, made int64
		from       string
	}{
		{1, 4096, "scratch-small.ext4"},
		{4097, 8192, "scratch-small.ext4"},
		{vmtest.LargeScratch - 1, vmtest.LargeScratch, "scratch-small.ext4"},
		{vmtest.LargeScratch, vmtest.LargeScratch, "scratch-large.ext4"},
		{10 * vmtest.LargeScratch, 10 * vmtest.LargeScratch, "scratch-large.ext4"},
	} {
		content, err := os.ReadFile(filepath.Join(dir, c.from))
		if err != nil {
			t.Fatal(err)
		}
		got := a.DiskSpec(sandbox.Disk{ID: "d", SizeBytes: c.size})
		if *got.FromBlob != vmtest.Digest(content) || got.SizeBytes != c.made {
			t.Errorf("a disk of %d bytes: %d bytes from %s, want %d from %s", c.size, got.SizeBytes, *got.FromBlob, c.made, c.from)
		}
	}
}

func TestTemplatesOfDisksAreSorted(t *testing.T) {
	dir := vmtest.Artefacts(t, "quiet")
	name := filepath.Join(dir, "manifest.json")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	spoilt := strings.Replace(string(text), `"diskBytes":4096`, `"diskBytes":4294967296`, 1)
	if err := os.WriteFile(name, []byte(spoilt), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sandbox.OpenArtefacts(dir); !apierr.Is(err, "guest_artefacts_invalid") || !strings.Contains(err.Error(), "diskBytes") {
		t.Errorf("templates in another order: %v", err)
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"kernel":{"file":"../x","sha256":"","size":1,"release":"r"},"cmdline":"c"}`))
	f.Add([]byte(`{`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "manifest.json"), raw, 0o600); err != nil {
			t.Fatal(err)
		}
		// There is nothing that a manifest could truthfully name.
		if _, err := sandbox.OpenArtefacts(dir); err == nil {
			t.Errorf("accepted %q", raw)
		}
	})
}
