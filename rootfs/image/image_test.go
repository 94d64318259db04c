package image

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/erofs/go-erofs"

	"github.com/cardplane/cardplane/rootfs/elftest"
)

// crunFiles is a package set with a crun that needs two libraries, one of which
// needs a third and is a link, as libraries in packages are.
func crunFiles() *Files {
	f := NewFiles()
	f.Add(CrunPath, elftest.Build(elftest.File{
		Interpreter: "/lib64/ld-linux.so.2", Needed: []string{"libb.so.1", "liba.so.1"}}))
	f.Add(InitPath, elftest.Build(elftest.File{}))
	f.Add("/lib/x86_64-linux-gnu/ld-linux-2.36.so", elftest.Build(elftest.File{}))
	f.Link("/lib64/ld-linux.so.2", "/lib/x86_64-linux-gnu/ld-linux-2.36.so")
	f.Add("/usr/lib/x86_64-linux-gnu/liba.so.1.2", elftest.Build(elftest.File{Needed: []string{"libc.so.6"}}))
	f.Link("/usr/lib/x86_64-linux-gnu/liba.so.1", "liba.so.1.2")
	f.Add("/lib/x86_64-linux-gnu/libb.so.1", elftest.Build(elftest.File{Needed: []string{"liba.so.1"}}))
	f.Add("/lib/x86_64-linux-gnu/libc.so.6", elftest.Build(elftest.File{Needed: []string{"ld-linux.so.2"}}))
	f.Add("/lib/x86_64-linux-gnu/libunused.so.1", elftest.Build(elftest.File{}))
	return f
}

func TestLookupFollowsLinks(t *testing.T) {
	f := NewFiles()
	f.Add("/a/real", []byte("x"))
	f.Link("/a/relative", "real")
	f.Link("/b/absolute", "/a/relative")
	f.Link("/loop", "/loop")
	f.Link("/dangling", "nowhere")
	for name, want := range map[string]bool{"/a/real": true, "/a/relative": true, "/b/absolute": true,
		"/loop": false, "/dangling": false, "/none": false} {
		content, ok := f.Lookup(name)
		if ok != want || (ok && string(content) != "x") {
			t.Errorf("%s: got %q, %v; want %v", name, content, ok, want)
		}
	}
}

func TestDependencies(t *testing.T) {
	found, err := Dependencies(crunFiles(), CrunPath)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range found {
		names = append(names, name)
	}
	sort.Strings(names)
	want := "/lib/x86_64-linux-gnu/liba.so.1 /lib/x86_64-linux-gnu/libb.so.1 /lib/x86_64-linux-gnu/libc.so.6 /lib64/ld-linux.so.2"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDependenciesNamesWhatIsMissing(t *testing.T) {
	f := crunFiles()
	delete(f.content, "/lib/x86_64-linux-gnu/libc.so.6")
	_, err := Dependencies(f, CrunPath)
	if err == nil || !strings.Contains(err.Error(), "library libc.so.6 is in none") {
		t.Errorf("got %v", err)
	}
	if _, err := Dependencies(NewFiles(), CrunPath); err == nil || !strings.Contains(err.Error(), CrunPath) {
		t.Errorf("got %v", err)
	}
}

// writeRoot writes a root image to a file and returns its bytes.
func writeRoot(t *testing.T, r *Root) []byte {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "root"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := r.Write(f); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestRootIsReproducibleAndReadable(t *testing.T) {
	static := elftest.Build(elftest.File{})
	root := &Root{Agent: append(static, "agent"...), BareInit: static, Packages: crunFiles()}
	image := writeRoot(t, root)
	if !bytes.Equal(image, writeRoot(t, root)) {
		t.Error("two builds differ")
	}
	files, err := erofs.Open(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	agent, err := fs.ReadFile(files, strings.TrimPrefix(AgentPath, "/"))
	if err != nil || !bytes.Equal(agent, root.Agent) {
		t.Errorf("agent has %d bytes (%v), want %d", len(agent), err, len(root.Agent))
	}
	// Modes as stat(2) has them: go-erofs gives these as the low bits.
	modes := map[string]uint32{
		"sbin/guest-agent": 0o100755,
		"sbin/bareinit":    0o100755,
		"usr/bin/crun":     0o100755,
		"proc":             0o040555,
		"tmp":              0o041777,
		"newroot":          0o040755,
		"root":             0o040700,
		"etc/passwd":       0o100644,
		"var/run":          0o120777,
	}
	for name, want := range modes {
		info, err := lstat(files, name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if mode := uint32(info.Mode()) & 0o177777; mode != want {
			t.Errorf("%s: mode %o, want %o", name, mode, want)
		}
		if !info.ModTime().Equal(epoch) {
			t.Errorf("%s: dated %v", name, info.ModTime())
		}
	}
	if _, err := fs.Stat(files, "lib/x86_64-linux-gnu/libunused.so.1"); err == nil {
		t.Error("a library that nothing needs is in the root")
	}
}

// lstat finds an entry in its directory, so that links are not followed.
func lstat(files fs.FS, name string) (fs.FileInfo, error) {
	entries, err := fs.ReadDir(files, filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Name() == filepath.Base(name) {
			return e.Info()
		}
	}
	return nil, fs.ErrNotExist
}

func TestRootRefusesDynamicAgent(t *testing.T) {
	root := &Root{
		Agent:    elftest.Build(elftest.File{Interpreter: "/lib64/ld.so"}),
		BareInit: elftest.Build(elftest.File{}),
		Packages: crunFiles(),
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "root"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := root.Write(f); err == nil || !strings.Contains(err.Error(), "CGO_ENABLED=0") {
		t.Errorf("got %v", err)
	}
}

func TestScratchIsReproducibleAndSparse(t *testing.T) {
	if _, err := mkfsProgram(); err != nil {
		t.Skip(err)
	}
	for _, s := range Scratches {
		t.Run(s.Name, func(t *testing.T) {
			var images [2][]byte
			dirs := []string{t.TempDir(), t.TempDir()}
			for i, dir := range dirs {
				if err := s.Make(t.Context(), dir); err != nil {
					t.Fatal(err)
				}
				content, err := os.ReadFile(filepath.Join(dir, s.Name))
				if err != nil {
					t.Fatal(err)
				}
				images[i] = content
			}
			if !bytes.Equal(images[0], images[1]) {
				t.Error("two builds differ")
			}
			if int64(len(images[0])) != s.FileBytes {
				t.Errorf("template has %d bytes, want %d", len(images[0]), s.FileBytes)
			}
			if used := len(images[0]) - bytes.Count(images[0], []byte{0}); used > 64<<10 {
				t.Errorf("template has %d bytes that are not zero", used)
			}
			entries, err := os.ReadDir(dirs[0])
			if err != nil || len(entries) != 1 {
				t.Errorf("left behind: %v (%v)", entries, err)
			}
			disk := filepath.Join(dirs[0], s.Name)
			if err := os.Truncate(disk, s.DiskBytes); err != nil {
				t.Fatal(err)
			}
			checkFilesystem(t, disk)
		})
	}
}

// A template that mkfs.ext4 has written more of than the file has is no good.
func TestScratchIsWhole(t *testing.T) {
	if _, err := mkfsProgram(); err != nil {
		t.Skip(err)
	}
	s := Scratches[1]
	s.FileBytes = 16 << 20
	if err := s.Make(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "the file ends at 16777216") {
		t.Errorf("a template without its journal: error %v", err)
	}
}

// checkFilesystem runs e2fsck, which comes with mkfs.ext4, without repairs.
func checkFilesystem(t *testing.T, path string) {
	t.Helper()
	program, err := mkfsProgram()
	if err != nil {
		t.Fatal(err)
	}
	fsck := filepath.Join(filepath.Dir(program), "e2fsck")
	if out, err := exec.Command(fsck, "-fn", path).CombinedOutput(); err != nil {
		t.Errorf("e2fsck: %v: %s", err, out)
	}
}
