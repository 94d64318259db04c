package rootdir

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
)

const (
	// deviceTimeout bounds the wait for a device to appear.
	deviceTimeout = 10 * time.Second
	// devicePoll is how often it is looked for. Reading a serial costs the
	// guest one exit to the VMM for each virtio-blk device.
	devicePoll = 10 * time.Millisecond
	// sectorSize is the unit of /sys/block/*/size, in bytes.
	sectorSize = 512
)

// blockDevice is a whole disk.
type blockDevice struct {
	// node is its path in /dev.
	node string
	// size is in bytes.
	size uint64
}

// devices finds block devices in sysfs.
type devices struct {
	sysBlock string // /sys/block
	dev      string // /dev
}

// wait returns the device with the serial, which may take a while to appear.
func (d devices) wait(ctx context.Context, serial string) (blockDevice, error) {
	return d.waitFor(ctx, serial, 0)
}

// waitFor is wait for a device that has at least size bytes.
func (d devices) waitFor(ctx context.Context, serial string, size uint64) (blockDevice, error) {
	ctx, cancel := context.WithTimeout(ctx, deviceTimeout)
	defer cancel()
	ticker := time.NewTicker(devicePoll)
	defer ticker.Stop()
	for {
		device, err := d.find(serial)
		if err == nil && device.size >= size {
			return device, nil
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return blockDevice{}, err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return blockDevice{}, apierr.New(apierr.InvalidArgument, "device_not_found",
				"no virtio-blk device with the serial %q and at least %d bytes appeared within %s; plug it in, or make it larger, first", serial, size, deviceTimeout)
		}
	}
}

// find returns the device with the serial; os.ErrNotExist if there is none.
func (d devices) find(serial string) (blockDevice, error) {
	entries, err := os.ReadDir(d.sysBlock)
	if err != nil {
		return blockDevice{}, fmt.Errorf("list block devices: %w", err)
	}
	for _, entry := range entries {
		// A device without a serial, or one that has just gone, is not it.
		text, err := os.ReadFile(filepath.Join(d.sysBlock, entry.Name(), "serial"))
		if err == nil && strings.TrimSpace(string(text)) == serial {
			return d.open(entry.Name())
		}
	}
	return blockDevice{}, os.ErrNotExist
}

func (d devices) open(name string) (blockDevice, error) {
	text, err := os.ReadFile(filepath.Join(d.sysBlock, name, "size"))
	if err != nil {
		return blockDevice{}, err
	}
	sectors, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 54)
	if err != nil {
		return blockDevice{}, fmt.Errorf("size of %s: %w", name, err)
	}
	return blockDevice{node: filepath.Join(d.dev, name), size: sectors * sectorSize}, nil
}

// The ext4 superblock, https://docs.kernel.org/filesystems/ext4/super.html.
const (
	ext4SuperOffset  = 1024
	ext4BlocksLo     = 0x4
	ext4LogBlockSize = 0x18
	ext4Magic        = 0x38
	ext4Incompat     = 0x60
	ext4BlocksHi     = 0x150
	ext4SuperSize    = 0x154

	ext4MagicValue    = 0xef53
	ext4Incompat64Bit = 0x80
	ext4MaxLogBlock   = 6 // 64 KiB
)

// errNoExt4 is returned for a device without an ext4 file system.
var errNoExt4 = errors.New("no ext4 file system")

// ext4Size is the size of an ext4 file system.
type ext4Size struct{ blocks, blockSize uint64 }

// readExt4Size reads the superblock of the file system in r.
func readExt4Size(r io.ReaderAt) (ext4Size, error) {
	super := make([]byte, ext4SuperSize)
	if _, err := r.ReadAt(super, ext4SuperOffset); err != nil {
		return ext4Size{}, fmt.Errorf("%w: %w", errNoExt4, err)
	}
	le := binary.LittleEndian
	logBlock := le.Uint32(super[ext4LogBlockSize:])
	if le.Uint16(super[ext4Magic:]) != ext4MagicValue || logBlock > ext4MaxLogBlock {
		return ext4Size{}, errNoExt4
	}
	size := ext4Size{blocks: uint64(le.Uint32(super[ext4BlocksLo:])), blockSize: 1024 << logBlock}
	if le.Uint32(super[ext4Incompat:])&ext4Incompat64Bit != 0 {
		size.blocks |= uint64(le.Uint32(super[ext4BlocksHi:])) << 32
	}
	return size, nil
}

// ext4Of returns the size of the ext4 file system on a device.
func ext4Of(node string) (ext4Size, error) {
	f, err := os.Open(node)
	if err != nil {
		return ext4Size{}, err
	}
	defer func() { _ = f.Close() }()
	return readExt4Size(f)
}
