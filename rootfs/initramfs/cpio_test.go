package initramfs

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// readCPIO parses a newc archive as strictly as the kernel does, and a little
// more: padding must be zero and nothing may follow the trailer.
func readCPIO(archive []byte) ([]Entry, error) {
	var entries []Entry
	at := 0
	take := func(n int) ([]byte, error) {
		padded := (n + 3) &^ 3
		if at%4 != 0 {
			return nil, fmt.Errorf("offset %d is not aligned", at)
		}
		if at+n > len(archive) {
			return nil, fmt.Errorf("cut short at %d", at)
		}
		part := archive[at : at+n]
		end := min(at+padded, len(archive))
		if strings.Trim(string(archive[at+n:end]), "\x00") != "" {
			return nil, fmt.Errorf("padding at %d is not zero", at+n)
		}
		at = end
		return part, nil
	}
	for {
		if at+110 > len(archive) || string(archive[at:at+6]) != "070701" {
			return nil, fmt.Errorf("no header at %d", at)
		}
		field := func(i int) int {
			v, err := strconv.ParseUint(string(archive[at+6+8*i:at+14+8*i]), 16, 32)
			if err != nil {
				return -1
			}
			return int(v)
		}
		mode, size, nameSize, mtime, uid := field(1), field(6), field(11), field(5), field(2)
		head, err := take(110 + nameSize)
		if err != nil {
			return nil, err
		}
		name := string(head[110 : 110+nameSize-1])
		if mtime != 0 || uid != 0 {
			return nil, fmt.Errorf("%s: date %d, owner %d", name, mtime, uid)
		}
		if name == trailer {
			if at != len(archive) {
				return nil, fmt.Errorf("%d bytes after the trailer", len(archive)-at)
			}
			return entries, nil
		}
		content, err := take(size)
		if err != nil {
			return nil, err
		}
		entries = append(entries, Entry{Name: name, Mode: uint32(mode) & 0o7777, Dir: mode&0o170000 == typeDir, Content: content})
	}
}

func TestWriteCPIOIsReadBack(t *testing.T) {
	want := []Entry{
		{Name: "a", Mode: 0o755, Dir: true},
		{Name: "a/empty", Mode: 0o644, Content: []byte{}},
		{Name: "a/one", Mode: 0o600, Content: []byte("x")},
		{Name: "four", Mode: 0o4755, Content: []byte("abcd")},
		{Name: "long-" + strings.Repeat("n", 100), Mode: 0o644, Content: bytes.Repeat([]byte("z"), 4097)},
	}
	var archive bytes.Buffer
	if err := WriteCPIO(&archive, want); err != nil {
		t.Fatal(err)
	}
	got, err := readCPIO(archive.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d entries, want %d", len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		if g.Name != w.Name || g.Mode != w.Mode || g.Dir != w.Dir || !bytes.Equal(g.Content, w.Content) {
			t.Errorf("entry %d: got %+v, want %+v", i, g, w)
		}
	}
}

func TestWriteCPIORefuses(t *testing.T) {
	cases := map[string][]Entry{
		"empty name":     {{Name: ""}},
		"absolute":       {{Name: "/a"}},
		"trailer":        {{Name: trailer}},
		"no parent":      {{Name: "a/b"}},
		"parent is file": {{Name: "a"}, {Name: "a/b"}},
		"twice":          {{Name: "a"}, {Name: "a"}},
		"twice, dir":     {{Name: "a", Dir: true}, {Name: "a", Dir: true}},
	}
	for name, entries := range cases {
		t.Run(name, func(t *testing.T) {
			if err := WriteCPIO(&bytes.Buffer{}, entries); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestBuildIsReproducible(t *testing.T) {
	modules := []Module{{"one", []byte("1")}, {"two", []byte("22")}}
	build := func() []byte {
		var b bytes.Buffer
		if err := Build(&b, []byte("init program"), modules); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	first := build()
	if !bytes.Equal(first, build()) {
		t.Error("two builds differ")
	}
	entries, err := readCPIO(first)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for _, e := range entries {
		files[e.Name] = string(e.Content)
	}
	if files[ModuleList] != "one.ko\ntwo.ko\n" || files["modules/two.ko"] != "22" || files["init"] != "init program" {
		t.Errorf("got %q", files)
	}
}

func FuzzWriteCPIO(f *testing.F) {
	f.Add("a", []byte("x"), "b", true)
	f.Add("a", []byte{}, "a/b", false)
	f.Add("", []byte("TRAILER!!!"), "/", true)
	f.Fuzz(func(t *testing.T, name string, content []byte, other string, dir bool) {
		var archive bytes.Buffer
		entries := []Entry{{Name: other, Dir: dir}, {Name: name, Content: content}}
		if WriteCPIO(&archive, entries) != nil || strings.ContainsRune(name+other, 0) {
			return
		}
		got, err := readCPIO(archive.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 2 || got[1].Name != name || !bytes.Equal(got[1].Content, content) {
			t.Errorf("read back %+v", got)
		}
	})
}
