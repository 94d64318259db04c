package mkerofs_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/erofs/go-erofs"

	"github.com/cardplane/cardplane/cardplane/image/mkerofs"
)

// content gives a file of the tree its bytes.
type content map[*mkerofs.Inode]func() io.Reader

func (c content) file(data []byte) *mkerofs.Inode {
	i := &mkerofs.Inode{Mode: syscall.S_IFREG | 0o644, Size: int64(len(data))}
	s := mkerofs.NewHoleScanner(i.Size)
	_, _ = s.Write(data)
	i.Holes = s.Holes()
	c[i] = func() io.Reader { return bytes.NewReader(data) }
	return i
}

func dir(entries ...mkerofs.Dirent) *mkerofs.Inode {
	return &mkerofs.Inode{Mode: syscall.S_IFDIR | 0o755, Entries: entries}
}

func entry(name string, i *mkerofs.Inode) mkerofs.Dirent { return mkerofs.Dirent{Name: name, Inode: i} }

// build writes the tree to a file and returns its path.
func build(t *testing.T, root *mkerofs.Inode, c content) string {
	t.Helper()
	plan, err := mkerofs.NewPlan(root, mkerofs.Options{UUID: [16]byte{1, 2, 3}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "image.erofs")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(plan.Size()); err != nil {
		t.Fatal(err)
	}
	// Contents come first here and in map order: the order must not matter.
	buf := make([]byte, 2*mkerofs.BlockSize)
	for i, open := range c {
		if err := plan.WriteFile(f, i, open(), buf); err != nil {
			t.Fatal(err)
		}
	}
	if err := plan.WriteMetadata(f); err != nil {
		t.Fatal(err)
	}
	if info, err := f.Stat(); err != nil || info.Size() != plan.Size() || info.Size()%mkerofs.BlockSize != 0 {
		t.Fatalf("size %d, planned %d: %v", info.Size(), plan.Size(), err)
	}
	fsck(t, path)
	return path
}

// fsck lets the reference implementation judge the image where it is installed.
func fsck(t *testing.T, path string) {
	t.Helper()
	tool, err := exec.LookPath("fsck.erofs")
	if err != nil {
		return
	}
	if out, err := exec.Command(tool, "--extract", path).CombinedOutput(); err != nil {
		t.Fatalf("%s --extract %s: %v\n%s", tool, path, err, out)
	}
}

func openImage(t *testing.T, path string) fs.FS {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	root, err := erofs.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func stat(t *testing.T, root fs.FS, name string) *erofs.Stat {
	t.Helper()
	info, err := root.(fs.ReadLinkFS).Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*erofs.Stat)
}

func wantContent(t *testing.T, root fs.FS, name string, want []byte) {
	t.Helper()
	f, err := root.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := io.ReadAll(f)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: content differs: %d bytes, want %d", name, len(got), len(want))
	}
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7+i/251) | 1
	}
	return b
}

func TestFileSizes(t *testing.T) {
	c := content{}
	root := dir()
	sizes := []int{0, 1, 31, 32, 33, 4031, 4032, 4033, 4095, 4096, 4097, 8128, 8191, 8192, 8193, 12287, 40000, 1 << 20}
	for _, n := range sizes {
		root.Entries = append(root.Entries, entry(fmt.Sprint("f", n), c.file(pattern(n))))
	}
	img := openImage(t, build(t, root, c))
	for _, n := range sizes {
		wantContent(t, img, fmt.Sprint("f", n), pattern(n))
	}
}

func TestHoles(t *testing.T) {
	const mib = 1 << 20
	tests := map[string]struct {
		data   []byte
		sparse bool
	}{
		"all":        {make([]byte, mib), true},
		"all odd":    {make([]byte, mib+1), true},
		"tail only":  {append(make([]byte, mib), 1), true},
		"head only":  {append([]byte{1}, make([]byte, mib)...), true},
		"middle":     {append(append(make([]byte, 300_000), pattern(100_000)...), make([]byte, 300_001)...), true},
		"too little": {append(pattern(mib), make([]byte, 60_000)...), false},
		"none":       {pattern(mib), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := content{}
			i := c.file(tt.data)
			if (i.Holes != nil) != tt.sparse {
				t.Fatalf("holes: %v, want %v", i.Holes != nil, tt.sparse)
			}
			path := build(t, dir(entry("f", i)), c)
			wantContent(t, openImage(t, path), "f", tt.data)
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if small := info.Size() < int64(len(tt.data)); small != tt.sparse {
				t.Errorf("image has %d bytes for a file of %d", info.Size(), len(tt.data))
			}
		})
	}
}

// TestHoleScannerPieces checks that it does not matter how Write gets the file.
func TestHoleScannerPieces(t *testing.T) {
	data := append(append(pattern(5000), make([]byte, 200_000)...), pattern(3)...)
	var want mkerofs.Holes
	for _, piece := range []int{len(data), 1, 7, 4095, 4096, 4097, 70_000} {
		s := mkerofs.NewHoleScanner(int64(len(data)))
		for rest := data; len(rest) > 0; {
			n := min(piece, len(rest))
			if wrote, err := s.Write(rest[:n]); wrote != n || err != nil {
				t.Fatal(wrote, err)
			}
			rest = rest[n:]
		}
		got := s.Holes()
		if want == nil {
			want = got
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || got == nil {
			t.Errorf("pieces of %d: %x, want %x", piece, got, want)
		}
	}
}

func TestChunkSize(t *testing.T) {
	tests := []struct{ size, want int64 }{
		{0, 4096}, {1 << 20, 4096}, {256 << 20, 4096}, {256<<20 + 1, 8192}, {100 << 30, 2 << 20}, {1 << 40, 16 << 20},
	}
	for _, tt := range tests {
		if got := mkerofs.ChunkSize(tt.size); got != tt.want {
			t.Errorf("ChunkSize(%d) = %d, want %d", tt.size, got, tt.want)
		}
	}
}

// TestLargeChunks has a file of more than 256 MiB, so chunks of several
// blocks, the last one shorter than the others.
func TestLargeChunks(t *testing.T) {
	const size, before = 300<<20 + 5, 150 << 20
	open := func() io.Reader {
		data := pattern(10_000)
		rest := size - before - int64(len(data)) - 5
		return io.MultiReader(io.LimitReader(zeroReader{}, before), bytes.NewReader(data),
			io.LimitReader(zeroReader{}, rest), strings.NewReader("hello"))
	}
	i := &mkerofs.Inode{Mode: syscall.S_IFREG | 0o600, Size: size}
	s := mkerofs.NewHoleScanner(size)
	want := sha256.New()
	if _, err := io.Copy(io.MultiWriter(s, want), open()); err != nil {
		t.Fatal(err)
	}
	i.Holes = s.Holes()
	path := build(t, dir(entry("f", i)), content{i: open})
	f, err := openImage(t, path).Open("f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := sha256.New()
	if _, err := io.Copy(got, f); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
		t.Error("content differs")
	}
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestDirectories(t *testing.T) {
	for _, n := range []int{0, 1, 2, 100, 1000, 5000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			root := dir()
			var names []string
			for k := range n {
				name := fmt.Sprintf("%s-%d", strings.Repeat("x", k%200), k)
				names = append(names, name)
				root.Entries = append(root.Entries, entry(name, dir()))
			}
			img := openImage(t, build(t, root, nil))
			list, err := fs.ReadDir(img, ".")
			if err != nil || len(list) != n {
				t.Fatalf("%d entries, want %d: %v", len(list), n, err)
			}
			for _, name := range names {
				if got := stat(t, img, name).Nlink; got != 2 {
					t.Errorf("%s: nlink %d", name, got)
				}
			}
			if got := stat(t, img, ".").Nlink; got != n+2 {
				t.Errorf("root: nlink %d, want %d", got, n+2)
			}
		})
	}
}

func TestNamesAroundDots(t *testing.T) {
	c := content{}
	names := []string{"!", "-x", "+", ".a", "...", ".\xff", "\x01", "a", "é", strings.Repeat("n", 255)}
	root := dir()
	for _, name := range names {
		root.Entries = append(root.Entries, entry(name, c.file([]byte(name))))
	}
	img := openImage(t, build(t, root, c))
	for _, name := range names {
		if name == ".\xff" { // no valid fs.FS path; fsck has seen it
			continue
		}
		wantContent(t, img, name, []byte(name))
	}
}

func TestMetadata(t *testing.T) {
	c := content{}
	big := strings.Repeat("v", 60_000)
	f := c.file([]byte("x"))
	f.Mode, f.UID, f.GID = syscall.S_IFREG|0o4755, 70_000, 1<<32-2
	f.Mtime, f.MtimeNsec = -5, 999_999_999
	f.Xattrs = map[string]string{
		"security.capability": "\x01\x00\x00\x02", "user.a": "", "trusted.b": "b",
		"system.posix_acl_access": "acl", "user.big": big,
	}
	sticky := dir()
	sticky.Mode = syscall.S_IFDIR | 0o1777
	sticky.Xattrs = map[string]string{"user.dir": "1"}
	long := strings.Repeat("/target", 585)[:4095]
	root := dir(
		entry("f", f), entry("same", f), entry("tmp", sticky),
		entry("dev", &mkerofs.Inode{Mode: syscall.S_IFBLK | 0o660, Major: 0xabc, Minor: 0xfedcb}),
		entry("null", &mkerofs.Inode{Mode: syscall.S_IFCHR | 0o666, Major: 1, Minor: 3}),
		entry("fifo", &mkerofs.Inode{Mode: syscall.S_IFIFO | 0o600}),
		entry("sock", &mkerofs.Inode{Mode: syscall.S_IFSOCK | 0o600}),
		entry("link", &mkerofs.Inode{Mode: syscall.S_IFLNK | 0o777, Target: "tmp/../f"}),
		entry("long", &mkerofs.Inode{Mode: syscall.S_IFLNK | 0o777, Target: long}),
	)
	img := openImage(t, build(t, root, c))

	st := stat(t, img, "f")
	if st.UID != f.UID || st.GID != f.GID || int64(st.Mtime) != -5 || st.MtimeNs != 999_999_999 || st.Nlink != 2 {
		t.Errorf("f: %+v", st)
	}
	if st.Mode&fs.ModeSetuid == 0 || stat(t, img, "tmp").Mode&fs.ModeSticky == 0 {
		t.Error("setuid or sticky bit lost")
	}
	if st.Xattrs["security.capability"] != "\x01\x00\x00\x02" || st.Xattrs["user.big"] != big || len(st.Xattrs) != 5 {
		t.Errorf("f: %d attributes", len(st.Xattrs))
	}
	if other := stat(t, img, "same"); other.Ino != st.Ino {
		t.Error("a hard link became another inode")
	}
	// new_encode_dev(0xabc, 0xfedcb)
	if got := stat(t, img, "dev").Rdev; got != 0xfed_abc_cb {
		t.Errorf("dev: %#x", got)
	}
	if got := stat(t, img, "null").Rdev; got != 0x103 {
		t.Errorf("null: %#x", got)
	}
	for name, want := range map[string]string{"link": "tmp/../f", "long": long} {
		if got, err := fs.ReadLink(img, name); got != want || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestSameTreeSameBytes(t *testing.T) {
	digest := func(reverse bool) string {
		c := content{}
		f := c.file(pattern(5000))
		entries := []mkerofs.Dirent{entry("a", f), entry("b", dir(entry("c", f))), entry("d", c.file(pattern(100)))}
		if reverse {
			entries[0], entries[2] = entries[2], entries[0]
		}
		data, err := os.ReadFile(build(t, dir(entries...), c))
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%x", sha256.Sum256(data))
	}
	if a, b := digest(false), digest(true); a != b {
		t.Error("the order of entries changes the image")
	}
}

func TestRefused(t *testing.T) {
	twice := dir()
	f := &mkerofs.Inode{Mode: syscall.S_IFREG}
	tests := map[string]*mkerofs.Inode{
		"root is a file":      {Mode: syscall.S_IFREG},
		"slash in name":       dir(entry("a/b", f)),
		"empty name":          dir(entry("", f)),
		"dot":                 dir(entry(".", f)),
		"dot dot":             dir(entry("..", f)),
		"NUL":                 dir(entry("a\x00", f)),
		"long name":           dir(entry(strings.Repeat("a", 256), f)),
		"same name twice":     dir(entry("a", f), entry("a", f)),
		"directory twice":     dir(entry("a", twice), entry("b", twice)),
		"no type":             dir(entry("a", &mkerofs.Inode{Mode: 0o644})),
		"unknown attribute":   dir(entry("a", &mkerofs.Inode{Mode: syscall.S_IFREG, Xattrs: map[string]string{"com.apple.x": ""}})),
		"attribute too large": dir(entry("a", &mkerofs.Inode{Mode: syscall.S_IFREG, Xattrs: map[string]string{"user.x": strings.Repeat("x", 65536)}})),
	}
	for name, root := range tests {
		if _, err := mkerofs.NewPlan(root, mkerofs.Options{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestShortContent(t *testing.T) {
	f := &mkerofs.Inode{Mode: syscall.S_IFREG, Size: 10}
	plan, err := mkerofs.NewPlan(dir(entry("f", f)), mkerofs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "image"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	err = plan.WriteFile(out, f, strings.NewReader("short"), make([]byte, mkerofs.BlockSize))
	if err == nil {
		t.Error("a file shorter than planned went unnoticed")
	}
}
