package elftest

import (
	"encoding/binary"

	"github.com/klauspost/compress/zstd"
)

// BzImage wraps a vmlinux as the kernel's build does: a setup header of the x86
// boot protocol (version 2.15) and the kernel compressed with zstd.
func BzImage(vmlinux []byte) []byte {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	payload := enc.EncodeAll(vmlinux, nil)
	payload = binary.LittleEndian.AppendUint32(payload, uint32(len(vmlinux)))
	const setupSectors, payloadOffset = 1, 64
	image := make([]byte, (setupSectors+1)*512+payloadOffset)
	image[0x1f1] = setupSectors
	copy(image[0x202:], "HdrS")
	binary.LittleEndian.PutUint16(image[0x206:], 0x20f)
	binary.LittleEndian.PutUint32(image[0x248:], payloadOffset)
	binary.LittleEndian.PutUint32(image[0x24c:], uint32(len(payload)))
	return append(append(image, payload...), "checksum and the like"...)
}
