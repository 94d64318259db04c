package layer_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cardplane/cardplane/cardplane/image/layer"
	"github.com/cardplane/cardplane/cardplane/image/mkerofs"
)

// item is a tar entry.
type item struct {
	tar.Header
	body string
}

func file(name, body string) item {
	return item{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(body))}, body}
}

func dir(name string) item {
	return item{Header: tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o750}}
}

func symlink(name, target string) item {
	return item{Header: tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target}}
}

func link(name, target string) item {
	return item{Header: tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target}}
}

func pack(t testing.TB, items ...item) []byte {
	t.Helper()
	var out bytes.Buffer
	tw := tar.NewWriter(&out)
	for _, i := range items {
		if err := tw.WriteHeader(&i.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(tw, i.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

var roomy = layer.Limits{Entries: 100_000, Bytes: 1 << 30, Metadata: 1 << 20}

// merge applies the layers and reads back the contents of files.
func merge(limits layer.Limits, layers ...[]byte) (*mkerofs.Inode, map[*mkerofs.Inode]string, error) {
	m := layer.NewMerger(limits)
	for _, l := range layers {
		if err := m.Apply(bytes.NewReader(l)); err != nil {
			return nil, nil, err
		}
	}
	root, files := m.Tree()
	contents := make(map[*mkerofs.Inode]string)
	for n, l := range layers {
		err := layer.Extract(bytes.NewReader(l), files[n], func(i *mkerofs.Inode, r io.Reader) error {
			data, err := io.ReadAll(r)
			contents[i] = string(data)
			return err
		})
		if err != nil {
			return nil, nil, fmt.Errorf("extract: %w", err)
		}
	}
	return root, contents, nil
}

// show lists a tree: "d/", "f=content", "l->target", "c:1,2"; names of one
// inode after the first read "name=>first".
func show(root *mkerofs.Inode, contents map[*mkerofs.Inode]string) string {
	var out []string
	seen := make(map[*mkerofs.Inode]string)
	var walk func(prefix string, dir *mkerofs.Inode)
	walk = func(prefix string, dir *mkerofs.Inode) {
		slices.SortFunc(dir.Entries, func(a, b mkerofs.Dirent) int { return strings.Compare(a.Name, b.Name) })
		for _, e := range dir.Entries {
			name, i := prefix+e.Name, e.Inode
			first, again := seen[i]
			switch i.Mode & syscall.S_IFMT {
			case syscall.S_IFDIR:
				out = append(out, name+"/")
				walk(name+"/", i)
				continue
			case syscall.S_IFLNK:
				name += "->" + i.Target
			case syscall.S_IFREG:
				name += "=" + contents[i]
			case syscall.S_IFCHR, syscall.S_IFBLK:
				name += fmt.Sprintf(":%d,%d", i.Major, i.Minor)
			}
			if again {
				name = prefix + e.Name + "=>" + first
			} else {
				seen[i] = prefix + e.Name
			}
			out = append(out, name)
		}
	}
	walk("", root)
	return strings.Join(out, " ")
}

func TestMerge(t *testing.T) {
	type l = []item
	tests := map[string]struct {
		layers []l
		want   string
	}{
		"nothing":                       {nil, ""},
		"empty layer":                   {[]l{{}}, ""},
		"prefixes":                      {[]l{{file("./a", "1"), file("/b", "2"), file("c", "3"), dir("./")}}, "a=1 b=2 c=3"},
		"parents missing":               {[]l{{file("a/b/c", "1")}}, "a/ a/b/ a/b/c=1"},
		"dot dot inside":                {[]l{{file("a/../b", "1"), file("c/d/../../e", "2")}}, "b=1 e=2"},
		"upper wins":                    {[]l{{file("a", "1")}, {file("a", "2")}}, "a=2"},
		"last in a layer wins":          {[]l{{file("a", "1"), file("a", "2")}}, "a=2"},
		"empty after full":              {[]l{{file("a", "1")}, {file("a", "")}}, "a="},
		"directories merge":             {[]l{{dir("d"), file("d/a", "1")}, {dir("d"), file("d/b", "2")}}, "d/ d/a=1 d/b=2"},
		"file over directory":           {[]l{{dir("d"), file("d/a", "1")}, {file("d", "2")}}, "d=2"},
		"directory over file":           {[]l{{file("d", "1")}, {dir("d"), file("d/a", "2")}}, "d/ d/a=2"},
		"directory, file, symlink":      {[]l{{dir("d")}, {file("d", "1")}, {symlink("d", "/x")}}, "d->/x"},
		"directory over symlink":        {[]l{{dir("x"), symlink("d", "x")}, {dir("d"), file("d/a", "1")}}, "d/ d/a=1 x/"},
		"symlink over symlink":          {[]l{{symlink("l", "a")}, {symlink("l", "b")}}, "l->b"},
		"whiteout":                      {[]l{{file("a", "1"), file("b", "2")}, {file(".wh.a", "")}}, "b=2"},
		"whiteout of a directory":       {[]l{{file("d/a", "1"), file("b", "2")}, {file(".wh.d", "")}}, "b=2"},
		"whiteout below":                {[]l{{file("d/a", "1"), file("d/b", "2")}, {file("d/.wh.a", "")}}, "d/ d/b=2"},
		"whiteout of nothing there":     {[]l{{file("a", "1")}, {file(".wh.z", ""), file("x/y/.wh.z", "")}}, "a=1"},
		"whiteout, then new":            {[]l{{file("d/a", "1")}, {file(".wh.d", ""), file("d/b", "2")}}, "d/ d/b=2"},
		"new, then whiteout":            {[]l{{file("d/a", "1")}, {file("d/b", "2"), file(".wh.d", "")}}, "d/ d/b=2"},
		"whiteout of own layer":         {[]l{{file("a", "1"), file(".wh.a", "")}}, "a=1"},
		"whiteout does not reach up":    {[]l{{file("a", "1")}, {file(".wh.a", "")}, {file("a", "3")}}, "a=3"},
		"whiteout with a body":          {[]l{{file("a", "1")}, {file(".wh.a", "text")}}, ""},
		"whiteout through a symlink":    {[]l{{file("r/a", "1"), symlink("l", "r")}, {file("l/.wh.a", "")}}, "l->r r/"},
		"opaque":                        {[]l{{file("d/a", "1"), file("d/e/f", "2")}, {dir("d"), file("d/.wh..wh..opq", ""), file("d/b", "3")}}, "d/ d/b=3"},
		"opaque last":                   {[]l{{file("d/a", "1")}, {file("d/b", "3"), file("d/.wh..wh..opq", "")}}, "d/ d/b=3"},
		"opaque keeps what came deeper": {[]l{{file("d/e/a", "1")}, {file("d/e/b", "2"), file("d/.wh..wh..opq", "")}}, "d/ d/e/ d/e/b=2"},
		"opaque root":                   {[]l{{file("a", "1")}, {file(".wh..wh..opq", ""), file("b", "2")}}, "b=2"},
		"opaque through a symlink":      {[]l{{file("r/a", "1"), symlink("l", "/r")}, {file("l/.wh..wh..opq", "")}}, "l->/r r/"},
		"overlay's whiteout":            {[]l{{file("a", "1"), file("b", "2")}, {{Header: tar.Header{Typeflag: tar.TypeChar, Name: "a"}}}}, "b=2"},
		"AUFS bookkeeping":              {[]l{{file(".wh..wh.plnk", "x"), dir(".wh..wh.orph"), file("a", "1")}}, "a=1"},
		"parent is a symlink":           {[]l{{dir("usr/lib"), symlink("lib", "usr/lib")}, {file("lib/x", "1")}}, "lib->usr/lib usr/ usr/lib/ usr/lib/x=1"},
		"parent is absolute symlink":    {[]l{{dir("r"), symlink("a/l", "/r")}, {file("a/l/x", "1")}}, "a/ a/l->/r r/ r/x=1"},
		"symlink cannot escape":         {[]l{{symlink("l", "../../../etc"), file("l/x", "1")}}, "etc/ etc/x=1 l->../../../etc"},
		"symlink dangles":               {[]l{{symlink("l", "n/m"), file("l/x", "1")}}, "l->n/m n/ n/m/ n/m/x=1"},
		"symlink chain":                 {[]l{{symlink("a", "b"), symlink("b", "./c/"), dir("c"), file("a/x", "1")}}, "a->b b->./c/ c/ c/x=1"},
		"symlink itself is replaced":    {[]l{{symlink("l", "/etc/passwd"), file("l", "1")}}, "l=1"},
		"hard link":                     {[]l{{file("a", "1"), link("b", "a"), link("d/c", "/a")}}, "a=1 b=>a d/ d/c=>a"},
		"hard link across layers":       {[]l{{file("a", "1")}, {link("b", "a")}}, "a=1 b=>a"},
		"hard link outlives its target": {[]l{{file("a", "1"), link("b", "a")}, {file(".wh.a", "")}}, "b=1"},
		"hard link and new target":      {[]l{{file("a", "1"), link("b", "a")}, {file("a", "2")}}, "a=2 b=1"},
		"hard link to a symlink":        {[]l{{symlink("s", "x"), link("b", "s")}}, "b->x s=>b"},
		"hard link over a directory":    {[]l{{file("a", "1"), dir("d"), file("d/x", "2"), link("d", "a")}}, "a=1 d=>a"},
		"hard link through a symlink":   {[]l{{file("r/a", "1"), symlink("l", "r"), link("b", "l/a")}}, "b=1 l->r r/ r/a=>b"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var layers [][]byte
			for _, l := range tt.layers {
				layers = append(layers, pack(t, l...))
			}
			root, contents, err := merge(roomy, layers...)
			if err != nil {
				t.Fatal(err)
			}
			if got := show(root, contents); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if _, err := mkerofs.NewPlan(root, mkerofs.Options{}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMetadata(t *testing.T) {
	when := time.Unix(1_700_000_000, 123_000_000)
	device := func(typ byte, major, minor int64) item {
		return item{Header: tar.Header{Typeflag: typ, Name: string(typ), Mode: 0o600, Devmajor: major, Devminor: minor}}
	}
	attrs := map[string]string{
		"SCHILY.xattr.security.capability": "\x01\x00\x00\x02\x00",
		"SCHILY.xattr.trusted.overlay.x":   "dropped",
		"SCHILY.xattr.user.overlay.opaque": "dropped",
		"SCHILY.xattr.com.apple.y":         "dropped",
	}
	suid := item{tar.Header{Typeflag: tar.TypeReg, Name: "suid", Mode: 0o6755, Uid: 1000, Gid: 3_000_000_000, ModTime: when,
		Format: tar.FormatPAX, PAXRecords: attrs, Size: 1}, "x"}
	sticky := dir("tmp")
	sticky.Mode = 0o1777
	root, _, err := merge(roomy, pack(t, suid, sticky, device(tar.TypeChar, 4095, 1<<20-1), device(tar.TypeBlock, 8, 1), device(tar.TypeFifo, 0, 0), symlink("l", "x"), file("i/f", "")))
	if err != nil {
		t.Fatal(err)
	}
	get := func(name string) *mkerofs.Inode {
		for _, e := range root.Entries {
			if e.Name == name {
				return e.Inode
			}
		}
		t.Fatalf("%s is missing", name)
		return nil
	}
	i := get("suid")
	if i.Mode != syscall.S_IFREG|0o6755 || i.UID != 1000 || i.GID != 3_000_000_000 || i.Mtime != when.Unix() || i.MtimeNsec != 123_000_000 {
		t.Errorf("suid: %+v", i)
	}
	if want := map[string]string{"security.capability": "\x01\x00\x00\x02\x00"}; !maps.Equal(i.Xattrs, want) {
		t.Errorf("suid: attributes %q", i.Xattrs)
	}
	for name, mode := range map[string]uint32{
		"tmp": syscall.S_IFDIR | 0o1777, string(tar.TypeChar): syscall.S_IFCHR | 0o600, string(tar.TypeBlock): syscall.S_IFBLK | 0o600,
		string(tar.TypeFifo): syscall.S_IFIFO | 0o600, "l": syscall.S_IFLNK | 0o777, "i": syscall.S_IFDIR | 0o755,
	} {
		if got := get(name).Mode; got != mode {
			t.Errorf("%s: mode %#o, want %#o", name, got, mode)
		}
	}
	if c := get(string(tar.TypeChar)); c.Major != 4095 || c.Minor != 1<<20-1 {
		t.Errorf("device %d:%d", c.Major, c.Minor)
	}
}

func TestRootMetadata(t *testing.T) {
	root, _, err := merge(roomy, pack(t, dir("./"), file("a", "1")))
	if err != nil || root.Mode != syscall.S_IFDIR|0o750 || len(root.Entries) != 1 {
		t.Errorf("%+v, %v", root, err)
	}
}

func TestSparseFile(t *testing.T) {
	body := strings.Repeat("\x00", 1<<20) + "end"
	root, contents, err := merge(roomy, pack(t, file("f", body)))
	if err != nil {
		t.Fatal(err)
	}
	i := root.Entries[0].Inode
	if i.Holes == nil || contents[i] != body {
		t.Errorf("holes %v, %d bytes", i.Holes != nil, len(contents[i]))
	}
}
