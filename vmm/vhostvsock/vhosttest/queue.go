package vhosttest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Buffer is a piece of guest memory in a chain.
type Buffer struct {
	Addr     uint64
	Len      uint32
	Writable bool // by the device
}

// Descriptor flags (virtio 1.3, section 2.7.5).
const (
	DescNext     = 1
	DescWrite    = 2
	DescIndirect = 4
)

// Queue is the driver side of a split virtqueue. It is for one goroutine.
type Queue struct {
	mem      *Memory
	size     uint16
	eventIdx bool
	indirect bool

	desc, avail, used      uint64 // guest addresses
	kickFD, callFD, errFD  int
	free                   []uint16            // free descriptors
	chains                 map[uint16][]uint16 // head to its descriptors
	tables                 map[uint16]uint64   // head to its indirect table
	availIdx, usedIdx, old uint16              // old: availIdx at the last Kick
}

// MaxIndirect is the most buffers of a chain that goes into an indirect
// table.
const MaxIndirect = 64

// NewQueue lays out a queue of size entries in mem.
func NewQueue(mem *Memory, size uint16, eventIdx, indirect bool) (_ *Queue, err error) {
	q := &Queue{
		mem: mem, size: size, eventIdx: eventIdx, indirect: indirect,
		kickFD: -1, callFD: -1, errFD: -1,
		chains: map[uint16][]uint16{}, tables: map[uint16]uint64{},
	}
	n := uint64(size)
	var errs [3]error
	q.desc, errs[0] = mem.Alloc(16*n, 16)
	q.avail, errs[1] = mem.Alloc(6+2*n, 2)
	q.used, errs[2] = mem.Alloc(6+8*n, 4)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	for _, fd := range []*int{&q.kickFD, &q.callFD, &q.errFD} {
		if *fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
			return nil, errors.Join(fmt.Errorf("eventfd: %w", err), q.Close())
		}
	}
	for i := range size {
		q.free = append(q.free, i)
		if indirect {
			if q.tables[i], err = mem.Alloc(16*MaxIndirect, 16); err != nil {
				return nil, errors.Join(err, q.Close())
			}
		}
	}
	return q, nil
}

// begin moves an unused queue to where a driver that was not reset would be.
func (q *Queue) begin(base uint16) {
	q.availIdx, q.usedIdx, q.old = base, base, base
	store16(q.mem.At(q.avail+2, 2), base)
	binary.LittleEndian.PutUint16(q.mem.At(q.used+2, 2), base)
}

// Close closes the queue's eventfds.
func (q *Queue) Close() error {
	var errs []error
	for _, fd := range []int{q.kickFD, q.callFD, q.errFD} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	return errors.Join(errs...)
}

func (q *Queue) user(addr uint64) uint64 { return q.mem.user(addr) }

// SetDescriptor writes entry i of the descriptor table.
func (q *Queue) SetDescriptor(i uint16, addr uint64, n uint32, flags, next uint16) {
	putDescriptor(q.mem.At(q.desc+16*uint64(i), 16), addr, n, flags, next)
}

func putDescriptor(b []byte, addr uint64, n uint32, flags, next uint16) {
	le := binary.LittleEndian
	le.PutUint64(b, addr)
	le.PutUint32(b[8:], n)
	le.PutUint16(b[12:], flags)
	le.PutUint16(b[14:], next)
}

// Add makes a chain of bufs available and returns its head. ok is false when
// descriptors have run out. The device need not look before Kick.
func (q *Queue) Add(bufs []Buffer) (head uint16, ok bool) {
	n := len(bufs)
	if q.indirect && n > 1 && n <= MaxIndirect {
		n = 1
	}
	if len(q.free) < n {
		return 0, false
	}
	ids := append([]uint16(nil), q.free[:n]...)
	q.free = q.free[n:]
	head = ids[0]
	q.chains[head] = ids
	if n < len(bufs) {
		table := q.mem.At(q.tables[head], 16*uint64(len(bufs)))
		writeChain(bufs, func(i int, b Buffer, flags uint16) {
			putDescriptor(table[16*i:], b.Addr, b.Len, flags, uint16(i+1))
		})
		q.SetDescriptor(head, q.tables[head], uint32(len(table)), DescIndirect, 0)
	} else {
		writeChain(bufs, func(i int, b Buffer, flags uint16) {
			q.SetDescriptor(ids[i], b.Addr, b.Len, flags, ids[min(i+1, n-1)])
		})
	}
	q.Offer(head)
	return head, true
}

func writeChain(bufs []Buffer, put func(i int, b Buffer, flags uint16)) {
	for i, b := range bufs {
		var flags uint16
		if b.Writable {
			flags |= DescWrite
		}
		if i < len(bufs)-1 {
			flags |= DescNext
		}
		put(i, b, flags)
	}
}

// Offer puts head into the available ring, whatever its descriptors hold.
func (q *Queue) Offer(head uint16) {
	slot := q.mem.At(q.avail+4+2*uint64(q.availIdx%q.size), 2)
	binary.LittleEndian.PutUint16(slot, head)
	q.SetAvailable(q.availIdx + 1)
}

// SetAvailable writes the available index.
func (q *Queue) SetAvailable(idx uint16) {
	q.availIdx = idx
	store16(q.mem.At(q.avail+2, 2), idx)
}

// Overwrite writes b over the descriptor table.
func (q *Queue) Overwrite(b []byte) { copy(q.mem.At(q.desc, 16*uint64(q.size)), b) }

// Kick notifies the device unless it has asked not to be.
func (q *Queue) Kick() error {
	old := q.old
	q.old = q.availIdx
	if q.eventIdx {
		event := load16(q.mem.At(q.used+4+8*uint64(q.size), 2))
		if q.availIdx-event-1 >= q.availIdx-old {
			return nil
		}
	} else if load16(q.mem.At(q.used, 2))&1 != 0 {
		return nil
	}
	return q.ForceKick()
}

// ForceKick notifies the device.
func (q *Queue) ForceKick() error {
	one := binary.NativeEndian.AppendUint64(nil, 1)
	_, err := unix.Write(q.kickFD, one)
	return err
}

// Used takes the next chain that the device is done with; ok is false when
// there is none. It frees the chain's descriptors.
func (q *Queue) Used() (head uint16, written uint32, ok bool) {
	if load16(q.mem.At(q.used+2, 2)) == q.usedIdx {
		return 0, 0, false
	}
	elem := q.mem.At(q.used+4+8*uint64(q.usedIdx%q.size), 8)
	head = uint16(binary.LittleEndian.Uint32(elem))
	q.free = append(q.free, q.chains[head]...)
	delete(q.chains, head)
	q.usedIdx++
	return head, binary.LittleEndian.Uint32(elem[4:]), true
}

// EnableSignal asks the device to signal the next used chain, and reports
// whether one is there already.
func (q *Queue) EnableSignal() bool {
	if q.eventIdx {
		store16(q.mem.At(q.avail+4+2*uint64(q.size), 2), q.usedIdx)
	}
	return load16(q.mem.At(q.used+2, 2)) != q.usedIdx
}

// CallFD is the eventfd on which the device signals. The queue owns it.
func (q *Queue) CallFD() int { return q.callFD }

// The atomic operations on the aligned word around a 16-bit value order it
// against the other side's accesses.
func around(b []byte) (*uint32, uint) {
	p := unsafe.Pointer(unsafe.SliceData(b))
	off := uintptr(p) & 2
	return (*uint32)(unsafe.Add(p, -int(off))), uint(8 * off)
}

func load16(b []byte) uint16 {
	w, shift := around(b)
	return uint16(atomic.LoadUint32(w) >> shift)
}

// store16 replaces the value and leaves its neighbour, which the driver owns
// too, alone.
func store16(b []byte, v uint16) {
	w, shift := around(b)
	for {
		old := atomic.LoadUint32(w)
		if atomic.CompareAndSwapUint32(w, old, old&^(0xffff<<shift)|uint32(v)<<shift) {
			return
		}
	}
}
