package durable

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestWriteFileReplaces(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []string{"old", "new"} {
		if err := WriteFile(dir, "x", []byte(want)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "x"))
		if err != nil || string(got) != want {
			t.Errorf("read back %q (%v), want %q", got, err, want)
		}
	}
}

func TestReplaceLeavesNothingAfterFailure(t *testing.T) {
	dir := t.TempDir()
	boom := errors.New("boom")
	err := Replace(dir, "x", func(*os.File) error { return boom })
	if !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v (%v)", entries, err)
	}
}
