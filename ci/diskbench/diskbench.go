// Package diskbench measures a file past the page cache of the system that it is
// measured on.
package diskbench

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// long is what is read and written in order at once, in bytes, and short
	// what is at random.
	long, short = 1 << 20, 4 << 10
	// align is what O_DIRECT asks of addresses in memory, at the most.
	align = 4096
)

// Result is what was measured, in bytes a second in order, and in operations a
// second of 4 KiB at random.
type Result struct {
	Write, Read             float64
	RandomWrite, RandomRead float64
}

// Measure fills a file of size bytes, which it makes and removes, and then reads
// and writes it; operations is how many at random.
func Measure(name string, size int64, operations int) (r Result, err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR|unix.O_DIRECT, 0o600)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(name)) }()
	block := aligned(long)
	inOrder := func(do func([]byte, int64) (int, error)) (float64, error) {
		n := size / long
		took, err := timed(f, int(n), func(i int) error { _, err := do(block, int64(i)*long); return err })
		return float64(n*long) / took.Seconds(), err
	}
	atRandom := func(do func([]byte, int64) (int, error)) (float64, error) {
		took, err := timed(f, operations, func(int) error { _, err := do(block[:short], rand.Int64N(size/short)*short); return err })
		return float64(operations) / took.Seconds(), err
	}
	for _, step := range []struct {
		to   *float64
		kind func(func([]byte, int64) (int, error)) (float64, error)
		do   func([]byte, int64) (int, error)
	}{{&r.Write, inOrder, f.WriteAt}, {&r.Read, inOrder, f.ReadAt}, {&r.RandomWrite, atRandom, f.WriteAt}, {&r.RandomRead, atRandom, f.ReadAt}} {
		if *step.to, err = step.kind(step.do); err != nil {
			return r, fmt.Errorf("measure %s: %w", name, err)
		}
	}
	return r, nil
}

// timed does something n times and makes it durable.
func timed(f *os.File, n int, do func(i int) error) (time.Duration, error) {
	begun := time.Now()
	for i := range n {
		if err := do(i); err != nil {
			return 0, err
		}
	}
	err := f.Sync()
	return time.Since(begun), err
}

// aligned returns n bytes at an address that O_DIRECT takes.
func aligned(n int) []byte {
	block := make([]byte, n+align)
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(block))) % align
	return block[skip : skip+uintptr(n) : skip+uintptr(n)]
}
