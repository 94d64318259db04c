package durable

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestReplaceDir(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "debian")
	fill := func(text string) func(string) error {
		return func(fresh string) error {
			return os.WriteFile(filepath.Join(fresh, "file"), []byte(text), 0o644)
		}
	}
	boom := errors.New("boom")
	steps := []struct {
		fill func(string) error
		err  error
		want string
	}{
		{fill("first"), nil, "first"},
		{fill("second"), nil, "second"},
		{func(string) error { return boom }, boom, "second"},
	}
	for i, s := range steps {
		if err := ReplaceDir(dir, s.fill); !errors.Is(err, s.err) {
			t.Errorf("step %d: got %v, want %v", i, err, s.err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "file"))
		if err != nil || string(got) != s.want {
			t.Errorf("step %d: directory holds %q (%v), want %q", i, got, err, s.want)
		}
		entries, err := os.ReadDir(parent)
		if err != nil || len(entries) != 1 {
			t.Errorf("step %d: left behind %v (%v)", i, entries, err)
		}
	}
}
