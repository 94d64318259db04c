package inputs

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cardplane/cardplane/rootfs/debian"
	"github.com/cardplane/cardplane/rootfs/manifest"
)

func TestInputsOfIncompleteDirectoryAreUnknown(t *testing.T) {
	dir := t.TempDir()
	if err := (inputs{Files: "f", Lists: "l", Packages: "p"}).write(dir); err != nil {
		t.Fatal(err)
	}
	in, err := read(dir)
	if err != nil || in != (inputs{}) {
		t.Errorf("no manifest, but inputs are %+v (%v)", in, err)
	}
}

func TestDigestFilesSeesContentAndOrder(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a, b := file("a", "x"), file("b", "y")
	seen := make(map[string]string)
	for name, files := range map[string][]string{"ab": {a, b}, "ba": {b, a}, "a": {a}} {
		digest, err := digestFiles(files...)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[digest]; ok {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[digest] = name
	}
	if _, err := digestFiles(filepath.Join(dir, "none")); err == nil {
		t.Error("a missing file gave no error")
	}
}

// artefacts writes the least that a manifest can name.
func artefacts(dir string) error {
	var m manifest.Manifest
	for name, to := range map[string]*manifest.Artefact{"vmlinux": &m.Kernel.Artefact, "rootfs": &m.Rootfs} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			return err
		}
		var err error
		if *to, err = manifest.Describe(dir, name, []string{"test"}); err != nil {
			return err
		}
	}
	m.Kernel.Release, m.Cmdline = "6.12", "quiet"
	return m.Write(dir)
}

// A directory is made once, again when a file has changed, and stays as it is
// when that fails.
func TestRefresh(t *testing.T) {
	if _, err := os.Stat(aptLists); err != nil {
		t.Skip("this machine has no apt, whose lists are an input")
	}
	base := t.TempDir()
	dir, input := filepath.Join(base, "out"), filepath.Join(base, "input")
	version, obtained, written, broken := "1", 0, 0, error(nil)
	refresh := func() error {
		if err := os.WriteFile(input, []byte(version), 0o644); err != nil {
			t.Fatal(err)
		}
		return Recipe{
			Files:  []string{input},
			Obtain: func() ([]debian.Package, error) { obtained++; return []debian.Package{{Name: "p"}}, nil },
			Write: func(fresh string) error {
				written++
				return errors.Join(artefacts(fresh), broken)
			},
		}.Refresh(dir)
	}
	for range 2 {
		if err := refresh(); err != nil {
			t.Fatal(err)
		}
	}
	if obtained != 1 || written != 1 {
		t.Fatalf("obtained %d times, written %d times", obtained, written)
	}
	version, broken = "2", errors.New("broken")
	if err := refresh(); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if m, err := manifest.Read(dir); err != nil || m.Verify(dir) != nil {
		t.Fatalf("the old directory is damaged: %v", err)
	}
	if broken = nil; refresh() != nil || written != 3 {
		t.Fatalf("written %d times", written)
	}
}
