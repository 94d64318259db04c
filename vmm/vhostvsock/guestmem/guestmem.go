// Package guestmem maps the memory of a guest as a vhost-user front-end
// describes it and turns guest addresses into byte slices.
//
// A [Memory] is immutable: a changed memory table is a new Memory. It holds
// no lock: its owner must not call [Memory.Close] while any slice that it
// handed out may still be used. A front-end that shrinks a file after it was
// mapped makes accesses fault; the owner has to expect that (see
// [runtime/debug.SetPanicOnFault]).
package guestmem

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// MaxRegions is the most regions of one memory table, as vhost-user allows
// without the configurable-memory-slots feature.
const MaxRegions = 8

// ErrOutside is wrapped by every error about an address range that is not
// wholly inside guest memory.
var ErrOutside = errors.New("outside guest memory")

// Region describes one range of guest memory backed by a file.
type Region struct {
	GuestAddr  uint64 // guest-physical address
	Size       uint64 // bytes
	UserAddr   uint64 // the front-end's virtual address: ring addresses use it
	FileOffset uint64 // where the region starts in the file
}

// Memory is a mapped memory table.
type Memory struct {
	regions []mapping
}

type mapping struct {
	Region
	data []byte // exactly Size bytes
	mmap []byte // what munmap needs
}

// Map validates regions and maps each from the file of the same index. It
// leaves the files open. On an error nothing stays mapped.
func Map(regions []Region, files []int) (*Memory, error) {
	if len(regions) == 0 || len(regions) > MaxRegions {
		return nil, fmt.Errorf("memory table has %d regions, not 1 to %d", len(regions), MaxRegions)
	}
	if len(files) != len(regions) {
		return nil, fmt.Errorf("memory table has %d regions and %d files", len(regions), len(files))
	}
	m := &Memory{}
	for i, r := range regions {
		if err := m.add(r, files[i]); err != nil {
			return nil, errors.Join(fmt.Errorf("memory region %d at %#x: %w", i, r.GuestAddr, err), m.Close())
		}
	}
	return m, nil
}

func (m *Memory) add(r Region, file int) error {
	if err := r.validate(); err != nil {
		return err
	}
	for _, o := range m.regions {
		if overlap(r.GuestAddr, r.Size, o.GuestAddr, o.Size) || overlap(r.UserAddr, r.Size, o.UserAddr, o.Size) {
			return fmt.Errorf("overlaps the region at %#x", o.GuestAddr)
		}
	}
	var st unix.Stat_t
	if err := unix.Fstat(file, &st); err != nil {
		return fmt.Errorf("stat: %w", err)
	}
	// Memory past the end of the file would fault on first use.
	if end := r.FileOffset + r.Size; st.Size < 0 || end > uint64(st.Size) {
		return fmt.Errorf("ends at %#x of a file of %#x bytes", end, st.Size)
	}
	// On hugetlbfs the block size is the page size, and mmap and munmap want
	// multiples of it.
	page := uint64(max(int64(unix.Getpagesize()), int64(st.Blksize)))
	start := r.FileOffset / page * page
	length := (r.FileOffset - start + r.Size + page - 1) / page * page
	data, err := unix.Mmap(file, int64(start), int(length), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("mmap: %w", err)
	}
	lead := r.FileOffset - start
	m.regions = append(m.regions, mapping{
		Region: r,
		data:   data[lead : lead+r.Size : lead+r.Size],
		mmap:   data,
	})
	return nil
}

// maxSize bounds a region so that no sum of its fields can wrap.
const maxSize = 1 << 52

func (r Region) validate() error {
	switch {
	case r.Size == 0:
		return errors.New("is empty")
	case r.Size > maxSize || r.FileOffset > maxSize:
		return fmt.Errorf("size %#x or offset %#x is absurd", r.Size, r.FileOffset)
	case r.GuestAddr+r.Size < r.GuestAddr || r.UserAddr+r.Size < r.UserAddr:
		return errors.New("wraps the address space")
	}
	return nil
}

func overlap(a, an, b, bn uint64) bool { return a < b+bn && b < a+an }

// Close unmaps everything. The Memory and all slices from it are invalid
// afterwards.
func (m *Memory) Close() error {
	var errs []error
	for _, r := range m.regions {
		if err := unix.Munmap(r.mmap); err != nil {
			errs = append(errs, fmt.Errorf("munmap region at %#x: %w", r.GuestAddr, err))
		}
	}
	m.regions = nil
	return errors.Join(errs...)
}

// AppendGuest appends to dst the slices that make up the n bytes at the
// guest-physical address addr: one, or several where the range spans adjacent
// regions. An error wraps ErrOutside and leaves dst as it was.
func (m *Memory) AppendGuest(dst [][]byte, addr, n uint64) ([][]byte, error) {
	out := dst
	for n > 0 {
		r := m.find(addr)
		if r == nil {
			return dst, fmt.Errorf("guest address %#x: %w", addr, ErrOutside)
		}
		off := addr - r.GuestAddr
		take := min(n, r.Size-off)
		out = append(out, r.data[off:off+take:off+take])
		addr += take
		n -= take
	}
	return out, nil
}

func (m *Memory) find(addr uint64) *mapping {
	for i := range m.regions {
		if r := &m.regions[i]; addr-r.GuestAddr < r.Size {
			return r
		}
	}
	return nil
}

// User returns the n bytes at the front-end's virtual address addr, which
// must lie in one region.
func (m *Memory) User(addr, n uint64) ([]byte, error) {
	for i := range m.regions {
		r := &m.regions[i]
		if off := addr - r.UserAddr; off < r.Size && n <= r.Size-off {
			return r.data[off : off+n : off+n], nil
		}
	}
	return nil, fmt.Errorf("front-end address %#x, %d bytes: %w", addr, n, ErrOutside)
}
