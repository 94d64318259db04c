package layer_test

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/cardplane/image/layer"
	"github.com/cardplane/cardplane/cardplane/image/mkerofs"
)

func TestRefused(t *testing.T) {
	long := strings.Repeat("n", 256)
	owner := file("a", "")
	owner.Uid = 1<<32 - 1
	big := file("a", "")
	big.Format, big.PAXRecords = tar.FormatPAX, map[string]string{"SCHILY.xattr.user.x": strings.Repeat("x", 66_000)}
	tests := map[string][]item{
		"climbs out":             {file("../a", "1")},
		"climbs out later":       {file("a/../../b", "1")},
		"climbs out from /":      {file("/../a", "1")},
		"link climbs out":        {file("a", "1"), link("b", "../a")},
		"root is a file":         {file(".", "")},
		"root is a symlink":      {symlink(".", "x")},
		"link to nothing":        {link("a", "b")},
		"link to itself":         {file("a", "1"), link("a", "a")},
		"link to a directory":    {dir("d"), link("a", "d")},
		"link to the root":       {link("a", "/")},
		"parent is a file":       {file("a", "1"), file("a/b", "2")},
		"parent is a loop":       {symlink("a", "b"), symlink("b", "a"), file("a/x", "1")},
		"name too long":          {file(long, "1")},
		"symlink name too long":  {symlink("l", long), file("l/x", "1")},
		"path too long":          {file(strings.Repeat("directory/", 500)+"f", "1")},
		"whiteout path too long": {file(strings.Repeat("directory/", 500)+".wh.f", "")},
		"link target too long":   {file("a", "1"), link("b", strings.Repeat("directory/", 500))},
		"target too long":        {symlink("l", strings.Repeat("t", 4096))},
		"target empty":           {symlink("l", "")},
		"too deep":               {file(strings.Repeat("d/", 3000)+"f", "1")},
		"whiteout without name":  {file(".wh.", "")},
		"whiteout of .":          {file(".wh..", "")},
		"whiteout of ..":         {file("d/.wh...", "")},
		"owner out of range":     {owner},
		"attributes too large":   {big},
		"device number too high": {item{Header: tar.Header{Typeflag: tar.TypeChar, Name: "c", Devmajor: 4096}}},
	}
	for name, items := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := merge(roomy, pack(t, items...))
			if !errors.Is(err, layer.ErrCorrupt) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestDamaged(t *testing.T) {
	whole := pack(t, file("a", strings.Repeat("x", 2000)), file("b", "1"))
	garbled := slices.Clone(whole)
	garbled[2560] ^= 0xff // in the header of b
	for name, data := range map[string][]byte{"cut in a file": whole[:1500], "cut in a header": whole[:2700], "garbled": garbled, "noise": bytes.Repeat([]byte("x"), 1024)} {
		if _, _, err := merge(roomy, data); !errors.Is(err, layer.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLimits(t *testing.T) {
	deep := file(strings.Repeat("d/", 50)+"f", "1")
	tests := map[string]struct {
		limits layer.Limits
		items  []item
	}{
		"entries":          {layer.Limits{Entries: 2, Bytes: 100, Metadata: 100}, []item{file("a", ""), file("b", ""), file("c", "")}},
		"implied entries":  {layer.Limits{Entries: 20, Bytes: 100, Metadata: 1000}, []item{deep}},
		"bytes":            {layer.Limits{Entries: 10, Bytes: 5, Metadata: 100}, []item{file("a", "123"), file("b", "456")}},
		"hidden bytes too": {layer.Limits{Entries: 10, Bytes: 5, Metadata: 100}, []item{file("a", "123"), file("a", "456")}},
		"names":            {layer.Limits{Entries: 10, Bytes: 100, Metadata: 5}, []item{file("abcdef", "")}},
	}
	for name, tt := range tests {
		if _, _, err := merge(tt.limits, pack(t, tt.items...)); !errors.Is(err, layer.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// gnuSparse returns a tar with one file in the old GNU sparse format: zeros,
// and data at its end.
func gnuSparse(name string, size int64, data string) []byte {
	header := make([]byte, 512)
	number := func(at int, n int64) { // base 256, which has no upper limit
		header[at] = 0x80
		binary.BigEndian.PutUint64(header[at+4:], uint64(n))
	}
	copy(header, name)
	copy(header[100:], "0000644\x000000000\x000000000\x00")
	number(124, int64(len(data)))
	copy(header[136:], "00000000000\x00        Sustar  \x00")
	header[156] = tar.TypeGNUSparse
	copy(header[257:], "ustar  \x00")
	number(386, size-int64(len(data)))
	number(398, int64(len(data)))
	number(483, size)
	sum := 0
	for _, b := range header {
		sum += int(b)
	}
	copy(header[148:], fmt.Sprintf("%06o\x00 ", sum))
	out := append(header, data...)
	out = append(out, make([]byte, -len(data)&511)...)
	return append(out, make([]byte, 1024)...)
}

func TestGNUSparseFile(t *testing.T) {
	root, contents, err := merge(roomy, gnuSparse("f", 1<<20, "end"))
	if err != nil {
		t.Fatal(err)
	}
	i := root.Entries[0].Inode
	if want := strings.Repeat("\x00", 1<<20-3) + "end"; i.Holes == nil || contents[i] != want {
		t.Errorf("holes %v, %d bytes", i.Holes != nil, len(contents[i]))
	}
}

// TestHugeSparseFile has a header that promises exbibytes of zeros; the limit
// must strike before they are read.
func TestHugeSparseFile(t *testing.T) {
	_, _, err := merge(roomy, gnuSparse("f", 1<<62, "end"))
	if !errors.Is(err, layer.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestSourceError(t *testing.T) {
	broken := errors.New("disk on fire")
	data := pack(t, file("a", strings.Repeat("x", 5000)))
	m := layer.NewMerger(roomy)
	err := m.Apply(io.MultiReader(bytes.NewReader(data[:1000]), errorReader{broken}))
	if !errors.Is(err, broken) || errors.Is(err, layer.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

// TestRepeatedWhiteouts would take hours if each whiteout of a large directory
// walked through it again.
func TestRepeatedWhiteouts(t *testing.T) {
	var items []item
	for n := range 20_000 {
		items = append(items, file(fmt.Sprintf("d/%d", n), ""))
	}
	for range 20_000 {
		items = append(items, file("d/.wh..wh..opq", ""), file(".wh.d", ""))
	}
	root, _, err := merge(layer.Limits{Entries: 100_000, Bytes: 1, Metadata: 1 << 30}, pack(t, items...))
	if err != nil || len(root.Entries[0].Inode.Entries) != 20_000 {
		t.Error(err)
	}
}

// FuzzMerge lets hostile layers through the whole way: merge, plan, extract.
func FuzzMerge(f *testing.F) {
	f.Add(pack(f, dir("d"), file("d/a", "1"), symlink("l", "d")), pack(f, file("l/b", "2"), file("d/.wh.a", ""), link("c", "d/b")))
	f.Add(pack(f, file("a", strings.Repeat("\x00", 70_000))), pack(f, file(".wh..wh..opq", ""), file("../x", "")))
	f.Add(gnuSparse("s", 100_000, "x"), pack(f, link("t", "s")))
	f.Add([]byte{}, bytes.Repeat([]byte{0}, 1024))
	f.Fuzz(func(t *testing.T, lower, upper []byte) {
		limits := layer.Limits{Entries: 1000, Bytes: 1 << 20, Metadata: 1 << 16}
		root, contents, err := merge(limits, lower, upper)
		if err != nil {
			if !errors.Is(err, layer.ErrCorrupt) && !errors.Is(err, layer.ErrTooLarge) {
				t.Fatalf("unclassified: %v", err)
			}
			return
		}
		if _, err := mkerofs.NewPlan(root, mkerofs.Options{}); err != nil {
			t.Fatalf("a merged tree cannot be planned: %v", err)
		}
		for i, data := range contents {
			if int64(len(data)) != i.Size {
				t.Fatalf("%d bytes extracted, %d expected", len(data), i.Size)
			}
		}
	})
}
