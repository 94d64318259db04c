// Package kernel makes guest kernels: it takes a PVH vmlinux and modules out of
// Debian's prebuilt package, or builds a kernel of our own from Debian's source
// with the options in guest.config.
package kernel

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Offsets in the setup header of a bzImage, see
// Documentation/arch/x86/boot.rst of Linux.
const (
	offSetupSects    = 0x1f1
	offHeaderMagic   = 0x202
	offVersion       = 0x206
	offPayloadOffset = 0x248
	offPayloadLength = 0x24c
	headerEnd        = 0x250

	// payloadVersion is the boot protocol that introduced payload_offset.
	payloadVersion = 0x0208
	sectorSize     = 512
)

// maxVmlinuxBytes bounds what is unpacked; Debian's cloud kernel has 60 MiB.
const maxVmlinuxBytes = 512 << 20

var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// ExtractVmlinux unpacks the ELF kernel inside a bzImage that was compressed
// with zstd, as Debian's are, and checks that it can be entered through PVH.
func ExtractVmlinux(bzImage []byte) ([]byte, error) {
	payload, err := bzImagePayload(bzImage)
	if err != nil {
		return nil, err
	}
	vmlinux, err := unzstd(payload)
	if err != nil {
		return nil, fmt.Errorf("unpack bzImage payload: %w", err)
	}
	if err := CheckPVH(vmlinux); err != nil {
		return nil, err
	}
	return vmlinux, nil
}

// bzImagePayload finds the compressed kernel by the setup header.
func bzImagePayload(image []byte) ([]byte, error) {
	if len(image) < headerEnd || string(image[offHeaderMagic:offHeaderMagic+4]) != "HdrS" {
		return nil, errors.New("not a bzImage: no HdrS header")
	}
	if v := binary.LittleEndian.Uint16(image[offVersion:]); v < payloadVersion {
		return nil, fmt.Errorf("bzImage boot protocol %#x names no payload, needs %#x", v, payloadVersion)
	}
	setupSects := uint64(image[offSetupSects])
	if setupSects == 0 {
		setupSects = 4 // boot.rst: 0 stands for 4
	}
	start := (setupSects+1)*sectorSize + uint64(binary.LittleEndian.Uint32(image[offPayloadOffset:]))
	end := start + uint64(binary.LittleEndian.Uint32(image[offPayloadLength:]))
	if start > uint64(len(image)) || end > uint64(len(image)) {
		return nil, fmt.Errorf("bzImage payload is at %d..%d, the file has %d bytes", start, end, len(image))
	}
	return image[start:end], nil
}

// unzstd unpacks the one zstd frame that payload starts with. The kernel's build
// appends the unpacked size as 4 bytes, little endian.
func unzstd(payload []byte) ([]byte, error) {
	if !bytes.HasPrefix(payload, zstdMagic) || len(payload) < 8 {
		return nil, errors.New("payload is not compressed with zstd")
	}
	size := binary.LittleEndian.Uint32(payload[len(payload)-4:])
	if size > maxVmlinuxBytes {
		return nil, fmt.Errorf("kernel of %d bytes is larger than the limit of %d", size, maxVmlinuxBytes)
	}
	dec, err := zstd.NewReader(bytes.NewReader(payload[:len(payload)-4]),
		zstd.WithDecoderMaxWindow(maxVmlinuxBytes), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	out, err := io.ReadAll(io.LimitReader(dec, int64(size)+1))
	if err != nil {
		return nil, err
	}
	if len(out) != int(size) {
		return nil, fmt.Errorf("unpacks to %d bytes or more, %d were stated", len(out), size)
	}
	return out, nil
}

// noteTypePVH is XEN_ELFNOTE_PHYS32_ENTRY: the address of the PVH entry point.
const noteTypePVH = 18

// CheckPVH reports why vmlinux cannot be booted through PVH, nil if it can.
func CheckPVH(vmlinux []byte) error {
	f, err := elf.NewFile(bytes.NewReader(vmlinux))
	if err != nil {
		return fmt.Errorf("vmlinux: %w", err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type != elf.PT_NOTE {
			continue
		}
		notes := make([]byte, min(p.Filesz, 1<<20))
		if _, err := io.ReadFull(p.Open(), notes); err != nil {
			return fmt.Errorf("vmlinux notes: %w", err)
		}
		if hasNote(notes, "Xen", noteTypePVH) {
			return nil
		}
	}
	return errors.New("vmlinux has no PVH entry note: the kernel needs CONFIG_PVH=y")
}

// hasNote looks through ELF notes with 4-byte alignment.
func hasNote(notes []byte, owner string, kind uint32) bool {
	align := func(n uint32) uint64 { return (uint64(n) + 3) &^ 3 }
	for len(notes) >= 12 {
		nameLen, descLen := binary.LittleEndian.Uint32(notes), binary.LittleEndian.Uint32(notes[4:])
		next := 12 + align(nameLen) + align(descLen)
		if next > uint64(len(notes)) {
			return false
		}
		name := bytes.TrimRight(notes[12:12+nameLen], "\x00")
		if string(name) == owner && binary.LittleEndian.Uint32(notes[8:]) == kind {
			return true
		}
		notes = notes[next:]
	}
	return false
}
