package container_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// What is written to a volume is read from it, and it is released each time.
func TestVolumeArchive(t *testing.T) {
	w := newWorld()
	m := newManager(t, w)
	w.volume = filepath.Join(t.TempDir(), "vol")
	read := func() string {
		t.Helper()
		write, err := m.ReadVolume(t.Context(), "vol", true)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := write(&out); err != nil || len(w.opened) > 0 {
			t.Fatalf("%v, open: %v", err, w.opened)
		}
		var names []string
		for r := tar.NewReader(&out); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				return strings.Join(names, " ")
			}
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, h.Name)
		}
	}
	if names := read(); names != "" {
		t.Errorf("a volume that was never used has %q", names)
	}
	if err := os.Mkdir(w.volume, 0o700); err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	if err := errors.Join(tw.WriteHeader(&tar.Header{Name: "a", Mode: 0o600, Uid: os.Geteuid(), Gid: os.Getegid()}), tw.Close()); err != nil {
		t.Fatal(err)
	}
	if err := m.WriteVolume(t.Context(), "vol", bytes.NewReader(archive.Bytes())); err != nil || len(w.opened) > 0 {
		t.Fatalf("%v, open: %v", err, w.opened)
	}
	if names := read(); names != "./ a" && names != "./ ./a" {
		t.Errorf("names %q", names)
	}
	if err := m.WriteVolume(t.Context(), "vol", strings.NewReader("no tar")); !apierr.Is(err, "archive_malformed") || len(w.opened) > 0 {
		t.Errorf("%v, open: %v", err, w.opened)
	}
	// What is not unmounted is not written for sure.
	w.fail["unmount"] = errors.New("busy")
	if err := m.WriteVolume(t.Context(), "vol", &archive); !errors.Is(err, w.fail["unmount"]) {
		t.Error(err)
	}
}
