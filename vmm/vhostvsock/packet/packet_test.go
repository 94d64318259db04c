package packet

import (
	"bytes"
	"testing"
)

func TestEncodeMatchesTheSpecLayout(t *testing.T) {
	h := Header{
		SrcCID: 0x0102030405060708, DstCID: 2, SrcPort: 0x11121314, DstPort: 0x21222324,
		Len: 0x31323334, Type: TypeStream, Op: OpData, Flags: 0x41424344,
		BufAlloc: 0x51525354, FwdCnt: 0x61626364,
	}
	want := []byte{
		8, 7, 6, 5, 4, 3, 2, 1, 2, 0, 0, 0, 0, 0, 0, 0,
		0x14, 0x13, 0x12, 0x11, 0x24, 0x23, 0x22, 0x21,
		0x34, 0x33, 0x32, 0x31, 1, 0, 5, 0,
		0x44, 0x43, 0x42, 0x41, 0x54, 0x53, 0x52, 0x51, 0x64, 0x63, 0x62, 0x61,
	}
	got := make([]byte, HeaderSize)
	h.Encode(got)
	if !bytes.Equal(got, want) {
		t.Fatalf("Encode = % x\nwant     % x", got, want)
	}
	if back := Decode(got); back != h {
		t.Fatalf("Decode = %+v, want %+v", back, h)
	}
}

func FuzzHeader(f *testing.F) {
	f.Add(make([]byte, HeaderSize))
	f.Add(bytes.Repeat([]byte{0xff}, HeaderSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < HeaderSize {
			return
		}
		h := Decode(b)
		out := make([]byte, HeaderSize)
		h.Encode(out)
		if !bytes.Equal(out, b[:HeaderSize]) {
			t.Fatalf("decode, encode: % x, want % x", out, b[:HeaderSize])
		}
	})
}
