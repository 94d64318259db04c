package guestmem

import (
	"errors"
	"math"
	"testing"

	"golang.org/x/sys/unix"
)

func memfd(t *testing.T, size int64) int {
	t.Helper()
	fd, err := unix.MemfdCreate("guestmem", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Ftruncate(fd, size); err != nil {
		t.Fatal(err)
	}
	return fd
}

func TestMapRefusesBadTables(t *testing.T) {
	fd := memfd(t, 1<<20)
	ok := Region{GuestAddr: 0x1000, Size: 0x10000, UserAddr: 0x7f0000000000}
	with := func(change func(*Region)) []Region {
		r := ok
		change(&r)
		return []Region{r}
	}
	for name, regions := range map[string][]Region{
		"no region":        nil,
		"too many":         make([]Region, MaxRegions+1),
		"empty":            with(func(r *Region) { r.Size = 0 }),
		"past the file":    with(func(r *Region) { r.FileOffset = 1<<20 - 0xffff }),
		"huge size":        with(func(r *Region) { r.Size = math.MaxUint64 }),
		"huge offset":      with(func(r *Region) { r.FileOffset = math.MaxUint64 }),
		"guest addr wraps": with(func(r *Region) { r.GuestAddr = math.MaxUint64 - 0x100 }),
		"user addr wraps":  with(func(r *Region) { r.UserAddr = math.MaxUint64 - 0x100 }),
		"guest overlap":    {ok, {GuestAddr: 0x1000 + 0xffff, Size: 0x1000, UserAddr: 1}},
		"user overlap":     {ok, {GuestAddr: 1 << 30, Size: 0x1000, UserAddr: 0x7f0000000000 - 1}},
	} {
		t.Run(name, func(t *testing.T) {
			files := make([]int, len(regions))
			for i := range files {
				files[i] = fd
			}
			if m, err := Map(regions, files); err == nil {
				t.Fatal("Map accepted it", m.Close())
			}
		})
	}
	if _, err := Map([]Region{ok}, nil); err == nil {
		t.Error("Map accepted a region without a file")
	}
	if _, err := Map([]Region{ok}, []int{-1}); err == nil {
		t.Error("Map accepted a bad file descriptor")
	}
}

func TestAddressesAcrossRegions(t *testing.T) {
	fd := memfd(t, 1<<20)
	m, err := Map([]Region{
		{GuestAddr: 0, Size: 0x2000, UserAddr: 0x100000, FileOffset: 0x3000},
		{GuestAddr: 0x2000, Size: 0x1000, UserAddr: 0x900000, FileOffset: 0x8000},
		{GuestAddr: 1 << 32, Size: 0x801, UserAddr: 0x200000, FileOffset: 0x801},
	}, []int{fd, fd, fd})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := unix.Pwrite(fd, []byte("AB"), 0x3000+0x1fff); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Pwrite(fd, []byte("C"), 0x8000); err != nil {
		t.Fatal(err)
	}
	segs, err := m.AppendGuest(nil, 0x1fff, 2)
	if err != nil || len(segs) != 2 || segs[0][0] != 'A' || segs[1][0] != 'C' {
		t.Fatalf("AppendGuest across regions = %q, %v", segs, err)
	}
	for _, r := range [][2]uint64{{0x2fff, 2}, {0x3000, 1}, {1<<32 + 0x800, 2}, {math.MaxUint64, 1}, {0, math.MaxUint64}, {0x10, 1 << 40}} {
		if got, err := m.AppendGuest(nil, r[0], r[1]); !errors.Is(err, ErrOutside) || len(got) != 0 {
			t.Errorf("AppendGuest(%#x, %#x) = %d slices, %v", r[0], r[1], len(got), err)
		}
	}
	if b, err := m.User(0x101fff, 1); err != nil || b[0] != 'A' {
		t.Errorf("User = %q, %v", b, err)
	}
	for _, r := range [][2]uint64{{0x101fff, 2}, {0xfffff, 1}, {0x100000, math.MaxUint64}, {0, 0}} {
		if _, err := m.User(r[0], r[1]); !errors.Is(err, ErrOutside) {
			t.Errorf("User(%#x, %#x): %v", r[0], r[1], err)
		}
	}
}
