package cli_test

import (
	"archive/tar"
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write makes a file and the directories above it.
func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
		t.Fatal(err)
	}
	return path
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v; want %q", path, got, err, want)
	}
}

// Where files go, in both directions, as docker has it.
func TestCopy(t *testing.T) {
	p := newPlane(t)
	p.must("run", "-d", "--name", "up", "test", "sleep", "1000")
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "src", "sub", "file"), "content")
	tree := filepath.Join(dir, "src")
	out := func(name string) string { return filepath.Join(dir, "out", name) }
	if err := os.Mkdir(out(""), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]string{
		{file, "up:/a"},        // a file gets another name,
		{file, "up:/"},         // or goes into a directory
		{tree, "up:/tree"},     // a directory becomes one that is not there,
		{tree, "up:/tree"},     // goes into one that is,
		{tree + "/.", "up:/d"}, // or its inside does
		{tree + "/.", "up:/d"},
		{"up:/a", out("a")}, {"up:/file", out("")},
		{"up:/tree", out("tree")}, {"up:/d/.", out("tree")}, {"up:/d", out("")},
	} {
		p.must("cp", pair[0], pair[1])
	}
	for _, name := range []string{"a", "file", "tree/sub/file", "tree/src/sub/file", "d/sub/file"} {
		holds(t, out(name), "content")
	}
	if stat, err := os.Stat(out("a")); err != nil || stat.Mode() != 0o640 {
		t.Errorf("mode %v, %v", stat.Mode(), err)
	}
}

func TestCopyTar(t *testing.T) {
	p := newPlane(t)
	p.must("run", "-d", "--name", "up", "test", "sleep", "1000")
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "made/by/tar", Mode: 0o600, Size: 2, Uid: os.Geteuid(), Gid: os.Getegid()}); err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte("hi"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if r := p.run(archive.String(), "cp", "-", "up:/"); r.code != 0 {
		t.Fatal(r.err)
	}
	r := p.run("", "cp", "up:/made/by", "-")
	tr := tar.NewReader(strings.NewReader(r.out))
	for _, want := range []string{"by/", "by/tar"} {
		if h, err := tr.Next(); err != nil || h.Name != want {
			t.Fatalf("%v, %v; want %s", h, err, want)
		}
	}
}

func TestCopyRefused(t *testing.T) {
	p := newPlane(t)
	p.must("run", "-d", "--name", "up", "test", "sleep", "1000")
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "file"), "content")
	p.must("cp", file, "up:/file")
	for _, tc := range []struct{ from, to, err string }{
		{"up:/nope", dir, `cardctl: there is no "/nope"\n`},
		{"gone:/", dir, `cardctl: there is no container "gone".*\n`},
		{file + "x", "up:/", `cardctl: there is no ".*/filex"\n`},
		{dir, "up:/file", `cardctl: .* is a directory and up:/file is none\n`},
		{file, "up:/none/", `cardctl: there is no directory /none/ in container up\n`},
		{file, "up:/none/x", `cardctl: there is no "/none"\n`},
		{"up:/", file, `cardctl: .* is no directory, and the source is one\n`},
		{"up:/file", dir + "/none/", `cardctl: there is no directory .*/none/\n`},
		{file, dir, `cardctl: one of source and target must be CONTAINER:PATH.*\nSee .*\n`},
		{"up:/a", "up:/b", `cardctl: one of source and target must be CONTAINER:PATH.*\nSee .*\n`},
	} {
		r := p.run("", "cp", tc.from, tc.to)
		if r.code != 1 {
			t.Errorf("cp %s %s: exit code %d", tc.from, tc.to, r.code)
		}
		match(t, "stderr", r.err, tc.err)
	}
}

// A container cannot make cardctl write anywhere but to the target.
func TestCopyFromHostile(t *testing.T) {
	p := newPlane(t)
	p.must("run", "-d", "--name", "up", "test", "sleep", "1000")
	dir := t.TempDir()
	p.must("cp", write(t, filepath.Join(dir, "plain"), "x"), "up:/file")
	var sent string
	honest := p.handler
	p.down()
	p.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/archive") {
			honest.ServeHTTP(w, r)
			return
		}
		tw := tar.NewWriter(w)
		_ = tw.WriteHeader(&tar.Header{Name: sent, Size: 1})
		_, _ = tw.Write([]byte("x"))
		_ = tw.Close()
	})
	p.up()
	for _, sent = range []string{"other", "../file", "file/../../x", "/plain", "file/x"} {
		if r := p.run("", "cp", "up:/file", filepath.Join(dir, "target")); r.code != 1 {
			t.Errorf("%s: exit code %d", sent, r.code)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 1 {
			t.Errorf("%s: %v", sent, entries)
		}
	}
}
