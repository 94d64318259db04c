package inputs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cardplane/cardplane/rootfs/inputs"
)

func TestInputsOfIncompleteDirectoryAreUnknown(t *testing.T) {
	dir := t.TempDir()
	if err := (inputs.Inputs{Files: "f", Lists: "l", Packages: "p"}).Write(dir); err != nil {
		t.Fatal(err)
	}
	in, err := inputs.Read(dir)
	if err != nil || in != (inputs.Inputs{}) {
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
		digest, err := inputs.DigestFiles(files...)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[digest]; ok {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[digest] = name
	}
	if _, err := inputs.DigestFiles(filepath.Join(dir, "none")); err == nil {
		t.Error("a missing file gave no error")
	}
}
