package kernel

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/rootfs/elftest"
)

func TestExtractVmlinux(t *testing.T) {
	want := elftest.Build(elftest.File{PVH: true})
	got, err := ExtractVmlinux(elftest.BzImage(want))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the kernel taken out is not the one put in")
	}
}

func TestExtractVmlinuxRefuses(t *testing.T) {
	good := elftest.BzImage(elftest.Build(elftest.File{PVH: true}))
	spoil := func(f func(image []byte)) []byte {
		image := bytes.Clone(good)
		f(image)
		return image
	}
	payload := func(image []byte) []byte { return image[1024+64:] }
	cases := map[string]struct {
		image []byte
		want  string
	}{
		"empty":        {nil, "not a bzImage"},
		"no header":    {spoil(func(b []byte) { b[0x202] = 'X' }), "not a bzImage"},
		"old protocol": {spoil(func(b []byte) { binary.LittleEndian.PutUint16(b[0x206:], 0x207) }), "boot protocol"},
		"beyond file":  {spoil(func(b []byte) { binary.LittleEndian.PutUint32(b[0x24c:], 1<<31) }), "the file has"},
		"not zstd":     {spoil(func(b []byte) { payload(b)[0] = 0x1f }), "zstd"},
		"damaged":      {spoil(func(b []byte) { payload(b)[10] ^= 0xff }), "unpack"},
		"no PVH entry": {elftest.BzImage(elftest.Build(elftest.File{})), "CONFIG_PVH"},
		"no ELF":       {elftest.BzImage([]byte("hello")), "vmlinux"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := ExtractVmlinux(c.image)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func FuzzExtractVmlinux(f *testing.F) {
	f.Add(elftest.BzImage(elftest.Build(elftest.File{PVH: true})))
	f.Add(elftest.BzImage(nil))
	f.Add([]byte("HdrS"))
	f.Fuzz(func(t *testing.T, image []byte) {
		vmlinux, err := ExtractVmlinux(image)
		if err == nil && CheckPVH(vmlinux) != nil {
			t.Error("accepted a kernel without PVH entry")
		}
	})
}

func FuzzHasNote(f *testing.F) {
	f.Add([]byte("\x04\x00\x00\x00\x04\x00\x00\x00\x12\x00\x00\x00Xen\x00\x00\x00\x00\x01"))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\x12\x00\x00\x00Xen\x00"))
	f.Fuzz(func(t *testing.T, notes []byte) {
		if hasNote(notes, "Xen", noteTypePVH) && !bytes.Contains(notes, []byte("Xen")) {
			t.Error("found an owner that is not there")
		}
	})
}
