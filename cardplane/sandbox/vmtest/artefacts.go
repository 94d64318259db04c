package vmtest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// LargeScratch is the size in bytes from which a disk is made from the larger
// of two templates, "scratch-large.ext4", which takes less than that.
const LargeScratch = 1 << 30

// Artefacts makes a directory of guest artefacts that the VMM boots, with
// cmdline as the kernel command line, and returns its path.
func Artefacts(t testing.TB, cmdline string) string {
	t.Helper()
	dir := t.TempDir()
	file := func(name string, size int) map[string]any {
		content := make([]byte, size)
		copy(content, name)
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
		return map[string]any{"file": name, "sha256": strings.TrimPrefix(Digest(content), "sha256:"), "size": size, "source": []string{}}
	}
	kernel := file("vmlinux", 8192)
	kernel["release"] = "6.12.0-test"
	small, large := file("scratch-small.ext4", 4096), file("scratch-large.ext4", 8192)
	small["diskBytes"], large["diskBytes"] = 4096, LargeScratch
	raw, err := json.Marshal(map[string]any{
		"kernel": kernel, "initrd": file("initrd", 4096), "rootfs": file("rootfs.erofs", 4096),
		"scratch": []any{small, large}, "cmdline": "console=ttyS0 " + cmdline,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Digest returns the digest of content as blobs are named.
func Digest(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}
