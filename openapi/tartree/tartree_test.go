package tartree_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/tartree"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openDir(t testing.TB, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// tree makes a directory with one of everything that can be made without
// being root.
func tree(t testing.TB) string {
	dir := filepath.Join(t.TempDir(), "top")
	must(t, os.MkdirAll(filepath.Join(dir, "sub", "deep"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "sub", "file"), bytes.Repeat([]byte("x"), 200_000), 0o640))
	must(t, os.WriteFile(filepath.Join(dir, "empty"), nil, 0o600))
	must(t, os.Link(filepath.Join(dir, "sub", "file"), filepath.Join(dir, "hard")))
	must(t, os.Symlink("/etc/passwd", filepath.Join(dir, "outside")))
	must(t, os.Symlink("sub/file", filepath.Join(dir, "soft")))
	must(t, unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	if err := unix.Setxattr(filepath.Join(dir, "sub", "file"), "user.colour", []byte("red\x00blue"), 0); err != nil && !errors.Is(err, unix.ENOTSUP) {
		t.Fatal(err)
	}
	must(t, os.Chmod(filepath.Join(dir, "sub", "deep"), 0o555))
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "sub", "deep"), 0o755) })
	old := time.Unix(1_000_000_000, 0)
	must(t, os.Chtimes(filepath.Join(dir, "sub", "file"), old, old))
	must(t, os.Chtimes(filepath.Join(dir, "sub"), old, old))
	return dir
}

// What the kernel shows below a directory is no file of it.
func TestKernelsFileSystemsAreLeftOut(t *testing.T) {
	var archive bytes.Buffer
	must(t, tartree.Write(&archive, openDir(t, "/sys"), "fs", "fs", tartree.WriteOptions{}))
	var names []string
	for r := tar.NewReader(&archive); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		names = append(names, h.Name)
		if strings.Count(strings.Trim(h.Name, "/"), "/") > 2 { // cgroup v1 has directories of its own in between
			t.Errorf("the archive has %q", h.Name)
		}
	}
	if !slices.Contains(names, "fs/cgroup/") {
		t.Errorf("the directories themselves are missing: the archive has %q", names)
	}
}

func TestRoundTrip(t *testing.T) {
	source, target := tree(t), t.TempDir()
	var archive bytes.Buffer
	must(t, tartree.Write(&archive, openDir(t, filepath.Dir(source)), "top", "top", tartree.WriteOptions{}))
	var leftOut []string
	opts := tartree.ExtractOptions{LeftOut: func(name, _ string) { leftOut = append(leftOut, name) }}
	must(t, tartree.Extract(&archive, openDir(t, target), opts))
	if !slices.Equal(leftOut, []string{"top/fifo"}) {
		t.Errorf("left out: %v", leftOut)
	}
	got := filepath.Join(target, "top")
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(got, "sub", "deep"), 0o755) })
	for _, name := range []string{"sub", "sub/deep", "sub/file", "empty", "hard", "outside", "soft"} {
		want, err := os.Lstat(filepath.Join(source, name))
		must(t, err)
		have, err := os.Lstat(filepath.Join(got, name))
		must(t, err)
		if have.Mode() != want.Mode() {
			t.Errorf("%s: mode %v, want %v", name, have.Mode(), want.Mode())
		}
	}
	for _, name := range []string{"sub", "sub/file"} {
		if stat, _ := os.Stat(filepath.Join(got, name)); stat.ModTime().Unix() != 1_000_000_000 {
			t.Errorf("%s: time %v", name, stat.ModTime())
		}
	}
	a, _ := os.Stat(filepath.Join(got, "hard"))
	b, _ := os.Stat(filepath.Join(got, "sub", "file"))
	if !os.SameFile(a, b) || a.Size() != 200_000 {
		t.Error("the hard link is none")
	}
	if to, _ := os.Readlink(filepath.Join(got, "outside")); to != "/etc/passwd" {
		t.Errorf("the symbolic link leads to %q", to)
	}
	checkAttribute(t, filepath.Join(source, "sub", "file"), filepath.Join(got, "sub", "file"))
}

func checkAttribute(t *testing.T, source, got string) {
	t.Helper()
	want, have := make([]byte, 100), make([]byte, 100)
	n, err := unix.Getxattr(source, "user.colour", want)
	if err != nil {
		t.Logf("extended attributes not tested: %v", err)
		return
	}
	m, err := unix.Getxattr(got, "user.colour", have)
	if err != nil || !bytes.Equal(want[:n], have[:m]) {
		t.Errorf("extended attribute %q, %v", have[:m], err)
	}
}

// archive makes a tar of entries without content.
func archive(t testing.TB, entries ...tar.Header) io.Reader {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range entries {
		h.Mode = 0o755
		must(t, w.WriteHeader(&h))
	}
	must(t, w.Close())
	return &out
}

// Nothing is written outside the target, whatever a tar says.
func TestHostileArchives(t *testing.T) {
	for name, tc := range map[string]struct {
		entries []tar.Header
		code    string
	}{
		"parent":              {[]tar.Header{{Name: "a/../../victim"}}, "path_escapes"},
		"link out":            {[]tar.Header{{Typeflag: tar.TypeSymlink, Name: "l", Linkname: "../outside"}, {Name: "l/victim"}}, "path_escapes"},
		"absolute link out":   {[]tar.Header{{Typeflag: tar.TypeSymlink, Name: "l", Linkname: "/tmp"}, {Name: "l/victim"}}, "path_escapes"},
		"link as directory":   {[]tar.Header{{Typeflag: tar.TypeSymlink, Name: "l", Linkname: "../outside"}, {Typeflag: tar.TypeDir, Name: "l"}}, "path_escapes"},
		"link chain":          {[]tar.Header{{Typeflag: tar.TypeSymlink, Name: "a", Linkname: "."}, {Typeflag: tar.TypeSymlink, Name: "b", Linkname: "a/.."}, {Name: "b/outside/victim"}}, "path_escapes"},
		"hard link out":       {[]tar.Header{{Typeflag: tar.TypeLink, Name: "h", Linkname: "../outside/secret"}}, "path_escapes"},
		"hard link by link":   {[]tar.Header{{Typeflag: tar.TypeSymlink, Name: "l", Linkname: "../outside"}, {Typeflag: tar.TypeLink, Name: "h", Linkname: "l/secret"}}, "path_escapes"},
		"device":              {[]tar.Header{{Typeflag: tar.TypeBlock, Name: "d", Devmajor: 8}}, "archive_unsupported"},
		"fifo":                {[]tar.Header{{Typeflag: tar.TypeFifo, Name: "f"}}, "archive_unsupported"},
		"file over directory": {[]tar.Header{{Typeflag: tar.TypeDir, Name: "d"}, {Name: "d"}}, "path_conflict"},
		"directory over file": {[]tar.Header{{Name: "d"}, {Typeflag: tar.TypeDir, Name: "d"}}, "path_conflict"},
		"file in a file":      {[]tar.Header{{Name: "d"}, {Name: "d/e"}}, "path_conflict"},
		"nameless":            {[]tar.Header{{Name: "."}}, "archive_malformed"},
		"missing link target": {[]tar.Header{{Typeflag: tar.TypeLink, Name: "h", Linkname: "nothing"}}, "path_not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			target, outside := filepath.Join(dir, "target"), filepath.Join(dir, "outside")
			must(t, os.Mkdir(target, 0o755))
			must(t, os.Mkdir(outside, 0o755))
			must(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o600))
			err := tartree.Extract(archive(t, tc.entries...), openDir(t, target), tartree.ExtractOptions{})
			if !apierr.Is(err, tc.code) {
				t.Errorf("got %v, want %s", err, tc.code)
			}
			checkOutside(t, dir, target)
		})
	}
}

// checkOutside checks that dir has nothing but the target and the secret.
func checkOutside(t testing.TB, dir, target string) {
	t.Helper()
	var found []string
	must(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if path == target {
			return filepath.SkipDir
		}
		found = append(found, path)
		return err
	}))
	if len(found) != 3 {
		t.Fatalf("something was written outside: %v", found)
	}
	if stat, err := os.Stat(filepath.Join(dir, "outside", "secret")); err != nil || stat.Size() != 1 || stat.Mode() != 0o600 || stat.Sys().(*syscall.Stat_t).Nlink != 1 {
		t.Fatalf("the secret was touched: %v, %v", stat, err)
	}
}

// A target that is the root of its paths keeps absolute links within it.
func TestInRoot(t *testing.T) {
	root := t.TempDir()
	must(t, os.Mkdir(filepath.Join(root, "run"), 0o755))
	must(t, os.Symlink("/run", filepath.Join(root, "link")))
	must(t, tartree.Extract(archive(t, tar.Header{Name: "link/file"}), openDir(t, root), tartree.ExtractOptions{InRoot: true}))
	if _, err := os.Stat(filepath.Join(root, "run", "file")); err != nil {
		t.Error(err)
	}
}

// A program that exchanges a directory for a link to elsewhere, again and
// again, leads no file there.
func TestExchangedDirectory(t *testing.T) {
	dir := t.TempDir()
	target, outside := filepath.Join(dir, "target"), filepath.Join(dir, "outside")
	must(t, os.MkdirAll(filepath.Join(target, "real"), 0o755))
	must(t, os.Mkdir(outside, 0o755))
	must(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o600))
	must(t, os.Symlink("../outside", filepath.Join(target, "link")))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, filepath.Join(target, "real"), unix.AT_FDCWD, filepath.Join(target, "link"), unix.RENAME_EXCHANGE)
			}
		}
	}()
	f := openDir(t, target)
	for range 300 {
		_ = tartree.Extract(archive(t, tar.Header{Typeflag: tar.TypeDir, Name: "real"}, tar.Header{Name: "real/victim"}), f, tartree.ExtractOptions{})
		_ = tartree.Write(io.Discard, f, "real", "real", tartree.WriteOptions{})
	}
	close(stop)
	<-stopped
	checkOutside(t, dir, target)
}

// A tar that ends early leaves no half of a file under its name.
func TestCutArchive(t *testing.T) {
	source, target := tree(t), t.TempDir()
	var whole bytes.Buffer
	must(t, tartree.Write(&whole, openDir(t, filepath.Join(source, "sub")), "file", "file", tartree.WriteOptions{}))
	must(t, os.WriteFile(filepath.Join(target, "file"), []byte("old"), 0o600))
	err := tartree.Extract(bytes.NewReader(whole.Bytes()[:100_000]), openDir(t, target), tartree.ExtractOptions{})
	if !apierr.Is(err, "archive_malformed") {
		t.Errorf("got %v", err)
	}
	entries, _ := os.ReadDir(target)
	content, _ := os.ReadFile(filepath.Join(target, "file"))
	if len(entries) != 1 || string(content) != "old" {
		t.Errorf("%v are left, with %q", entries, content)
	}
}

// Whatever the bytes are, nothing is written outside the target.
func FuzzExtract(f *testing.F) {
	for _, entries := range [][]tar.Header{
		{{Name: "a/b"}, {Typeflag: tar.TypeLink, Name: "c", Linkname: "a/b"}},
		{{Typeflag: tar.TypeSymlink, Name: "l", Linkname: "../outside"}, {Name: "l/secret"}},
		{{Typeflag: tar.TypeDir, Name: "d"}, {Name: "../outside/secret"}},
	} {
		seed, err := io.ReadAll(archive(f, entries...))
		must(f, err)
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		dir := t.TempDir()
		target, outside := filepath.Join(dir, "target"), filepath.Join(dir, "outside")
		must(t, os.Mkdir(target, 0o755))
		must(t, os.Mkdir(outside, 0o755))
		must(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o600))
		_ = tartree.Extract(bytes.NewReader(in), openDir(t, target), tartree.ExtractOptions{})
		checkOutside(t, dir, target)
		must(t, filepath.WalkDir(target, func(path string, d os.DirEntry, _ error) error {
			if d != nil && d.IsDir() {
				return os.Chmod(path, 0o755) // for the clean-up
			}
			return nil
		}))
	})
}
