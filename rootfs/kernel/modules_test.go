package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"github.com/cardplane/cardplane/rootfs/elftest"
)

func TestModuleName(t *testing.T) {
	cases := map[string]string{
		"/lib/modules/6/kernel/drivers/virtio-rng.ko.xz": "virtio_rng",
		"kernel/fs/erofs/erofs.ko":                       "erofs",
		"/lib/modules/6/modules.order":                   "",
		"/usr/share/doc/x.xz":                            "",
	}
	for file, want := range cases {
		got, ok := ModuleName(file)
		if ok != (want != "") || (ok && got != want) {
			t.Errorf("ModuleName(%q) = %q, %v; want %q", file, got, ok, want)
		}
	}
}

func TestOrderModules(t *testing.T) {
	depends := map[string][]string{
		"net":    {"fail", "core"},
		"fail":   {"core"},
		"core":   nil,
		"disk":   nil,
		"loop_a": {"loop_b"},
		"loop_b": {"loop_a"},
		"broken": {"absent"},
	}
	reads := 0
	read := func(name string) (Module, error) {
		reads++
		list, ok := depends[name]
		if !ok {
			return Module{}, fmt.Errorf("no module %s", name)
		}
		return Module{Name: name, Depends: list}, nil
	}
	cases := []struct {
		wanted  []string
		want    []string
		wantErr string
	}{
		{wanted: nil},
		{wanted: []string{"disk", "net"}, want: []string{"disk", "core", "fail", "net"}},
		{wanted: []string{"core", "net", "net"}, want: []string{"core", "fail", "net"}},
		{wanted: []string{"loop_a"}, wantErr: "depends on itself"},
		{wanted: []string{"broken"}, wantErr: "needed by module broken: no module absent"},
	}
	for _, c := range cases {
		list, err := OrderModules(c.wanted, read)
		if c.wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), c.wantErr) {
				t.Errorf("%v: got %v, want %q", c.wanted, err, c.wantErr)
			}
			continue
		}
		var got []string
		for _, m := range list {
			got = append(got, m.Name)
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: got %v (%v), want %v", c.wanted, got, err, c.want)
		}
	}
	if reads == 0 {
		t.Error("nothing was read")
	}
}

// moduleFile makes an unsigned module that depends on others.
func moduleFile(depends string) []byte {
	info := "license=GPL\x00depends=" + depends + "\x00name=x\x00"
	return elftest.Build(elftest.File{Sections: map[string][]byte{".modinfo": []byte(info)}})
}

// sign appends what scripts/sign-file does, with a signature of n zero bytes.
func sign(module []byte, n uint32) []byte {
	out := append(bytes.Clone(module), make([]byte, n)...)
	out = append(out, make([]byte, 8)...)
	out = binary.BigEndian.AppendUint32(out, n)
	return append(out, signatureMark...)
}

func compress(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadModule(t *testing.T) {
	plain := moduleFile("crc,net-core")
	m, err := ReadModule("x", compress(t, sign(plain, 300)))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"crc", "net_core"}; !reflect.DeepEqual(m.Depends, want) {
		t.Errorf("depends on %v, want %v", m.Depends, want)
	}
	if !bytes.Equal(m.Content, plain) {
		t.Errorf("content has %d bytes, the unsigned module has %d", len(m.Content), len(plain))
	}
	if m, err = ReadModule("x", compress(t, moduleFile(""))); err != nil || m.Depends != nil {
		t.Errorf("module without dependencies: %v (%v)", m.Depends, err)
	}
}

func TestReadModuleRefuses(t *testing.T) {
	for name, file := range map[string][]byte{
		"not xz":     []byte("hello"),
		"not ELF":    compress(t, []byte("hello")),
		"no modinfo": compress(t, elftest.Build(elftest.File{})),
		"cut short":  compress(t, moduleFile("a"))[:40],
	} {
		if _, err := ReadModule("x", file); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzStripSignature(f *testing.F) {
	f.Add(sign([]byte("module"), 5))
	f.Add([]byte(signatureMark))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" + signatureMark))
	f.Fuzz(func(t *testing.T, content []byte) {
		if got := stripSignature(content); !bytes.HasPrefix(content, got) {
			t.Error("what is left is not the beginning of the file")
		}
	})
}
