package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

type value struct{ A string }

func TestRoundTrip(t *testing.T) {
	for name, write := range map[string]func(string, any) error{"durable": WriteJSON, "fast": ReplaceJSON} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			for _, want := range []string{"one", "two"} {
				if err := write(path, value{want}); err != nil {
					t.Fatal(err)
				}
				var got value
				if err := ReadJSON(path, &got); err != nil || got.A != want {
					t.Fatalf("%+v, %v", got, err)
				}
			}
			if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
				t.Fatalf("left: %v, %v", entries, err)
			}
		})
	}
}

// A write that fails leaves the old contents and nothing else.
func TestFailureKeepsTheOld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := WriteJSON(path, value{"old"}); err != nil {
		t.Fatal(err)
	}
	if err := WriteJSON(path, func() {}); err == nil {
		t.Fatal("wrote what cannot be encoded")
	}
	if err := os.Mkdir(path+".tmp", 0o700); err != nil { // in the way of the temporary file
		t.Fatal(err)
	}
	if err := WriteJSON(path, value{"new"}); err == nil {
		t.Fatal("wrote over a directory")
	}
	var got value
	if err := ReadJSON(path, &got); err != nil || got.A != "old" {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestReadErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := ReadJSON(path, &value{}); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ReadJSON(path, &value{}); err == nil {
		t.Fatal("read half a file")
	}
}
