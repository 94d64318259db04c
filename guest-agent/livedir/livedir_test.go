package livedir_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cardplane/cardplane/guest-agent/livedir"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func own(content string) livedir.File {
	return livedir.File{Mode: 0o440, UID: os.Geteuid(), GID: os.Getegid(), Content: []byte(content)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// dirs returns a tree, and a spare path beside it.
func dirs(t *testing.T) (tree, spare string) {
	dir := t.TempDir()
	return filepath.Join(dir, "tree"), filepath.Join(dir, "spare")
}

func TestWrite(t *testing.T) {
	tree, spare := dirs(t)
	path := filepath.Join(tree, "tls/key.pem")
	must(t, livedir.Write(tree, spare, "tls/key.pem", own("old")))
	first, err := os.Stat(path)
	must(t, err)
	if first.Mode() != 0o440 {
		t.Errorf("mode %v", first.Mode())
	}
	must(t, livedir.Write(tree, spare, "tls/key.pem", own("old")))
	if again, _ := os.Stat(path); !os.SameFile(first, again) {
		t.Error("the same file was replaced")
	}
	reader, err := os.Open(path)
	must(t, err)
	defer func() { _ = reader.Close() }()
	must(t, livedir.Write(tree, spare, "tls/key.pem", own("new")))
	if got, _ := os.ReadFile(path); string(got) != "new" {
		t.Errorf("content %q", got)
	}
	old := make([]byte, 8)
	if n, _ := reader.Read(old); string(old[:n]) != "old" {
		t.Errorf("who had it open reads %q", old[:n])
	}
	other := own("new")
	other.Mode = 0o400
	must(t, livedir.Write(tree, spare, "tls/key.pem", other))
	if stat, _ := os.Stat(path); stat.Mode() != 0o400 {
		t.Errorf("mode %v", stat.Mode())
	}
	if _, err := os.Lstat(spare); !os.IsNotExist(err) {
		t.Errorf("left: %v", err)
	}
}

// Who reads while a file is replaced never sees a part of one.
func TestReadersSeeWholeFiles(t *testing.T) {
	tree, spare := dirs(t)
	contents := [][]byte{bytes.Repeat([]byte("a"), 1<<16), bytes.Repeat([]byte("b"), 1<<15)}
	write := func(i int) error {
		f := own("")
		f.Content = contents[i%2]
		return livedir.Write(tree, spare, "f", f)
	}
	must(t, write(0))
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				got, err := os.ReadFile(filepath.Join(tree, "f"))
				if err != nil || !bytes.Equal(got, contents[0]) && !bytes.Equal(got, contents[1]) {
					t.Errorf("%d bytes, %v", len(got), err)
					return
				}
			}
		})
	}
	for i := range 200 {
		must(t, write(i))
	}
	close(done)
	readers.Wait()
}

func TestConflicts(t *testing.T) {
	tree, spare := dirs(t)
	must(t, livedir.Write(tree, spare, "a/b", own("x")))
	for _, name := range []string{"a", "a/b/c"} {
		if err := livedir.Write(tree, spare, name, own("secret")); !apierr.Is(err, "path_conflict") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Lstat(spare); !os.IsNotExist(err) {
		t.Errorf("left: %v", err)
	}
}

// Links are made within the root, whatever the image has there.
func TestLink(t *testing.T) {
	root := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(root, "opt/app"), 0o755))
	must(t, os.MkdirAll(filepath.Join(root, "etc"), 0o755))
	must(t, os.Symlink("/opt/app", filepath.Join(root, "etc/app")))
	must(t, os.Symlink("../../../..", filepath.Join(root, "etc/out")))
	must(t, os.WriteFile(filepath.Join(root, "etc/conf"), []byte("image's"), 0o644))
	for at, found := range map[string]string{
		"/etc/app/new/x.conf": "opt/app/new/x.conf", "/etc/conf": "etc/conf", "/top": "top", "/etc/out/up": "up",
	} {
		for range 2 { // the layer keeps it for a later start
			must(t, livedir.Link(root, at, "/run/configs/x"))
		}
		if got, err := os.Readlink(filepath.Join(root, found)); got != "/run/configs/x" {
			t.Errorf("%s: %q, %v", at, got, err)
		}
	}
	for _, at := range []string{"/opt", "/etc/conf/x"} {
		if err := livedir.Link(root, at, "/x"); !apierr.Is(err, "path_conflict") {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// Nothing is made outside of the tree or the root.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"a", "a/b", "../x", "/etc/x", "l/x", "./a//b", "l/../../x", "\x00", ""} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		dir := t.TempDir()
		for _, sub := range []string{"in/tree", "in/root"} {
			must(t, os.MkdirAll(filepath.Join(dir, sub), 0o755))
			must(t, os.Symlink("../..", filepath.Join(dir, sub, "l")))
		}
		if filepath.IsLocal(name) { // as the agent checks
			_ = livedir.Write(filepath.Join(dir, "in/tree"), filepath.Join(dir, "spare"), name, own("x"))
		}
		_ = livedir.Link(filepath.Join(dir, "in/root"), "/"+name, "/x")
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			inside := strings.HasPrefix(path, filepath.Join(dir, "in/tree")) || strings.HasPrefix(path, filepath.Join(dir, "in/root"))
			if !inside && path != dir && path != filepath.Join(dir, "in") {
				t.Errorf("%q made %s", name, path)
			}
			return err
		})
		must(t, err)
	})
}
