// Package ring is the device side of virtio split virtqueues (virtio 1.3,
// section 2.7) in mapped guest memory.
//
// Nothing that a driver writes is trusted: every index, address, length and
// link is checked before use, each field is read exactly once, and a ring that
// breaks the rules yields an error that wraps [ErrBroken] and says why. No
// call loops longer than the queue is long.
//
// A [Queue] belongs to one goroutine, which also owns the guest memory.
package ring

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/cardplane/cardplane/vmm/vhostvsock/guestmem"
)

// ErrBroken is wrapped by every error that the driver's use of a ring causes.
// Such a ring must not be used again until the driver has reset the device.
var ErrBroken = errors.New("virtqueue is broken")

// MaxSize is the largest queue size (virtio 1.3, section 2.7).
const MaxSize = 1 << 15

const (
	descSize     = 16
	availHeader  = 4 // flags, idx
	usedHeader   = 4 // flags, idx
	usedElemSize = 8

	availNoInterrupt = 1 // driver: do not signal me
	usedNoNotify     = 1 // device: do not kick me
)

// Config says where a queue lies. Addresses are virtual addresses of the
// front-end, as in VHOST_USER_SET_VRING_ADDR.
type Config struct {
	Size     uint32 // entries; a power of two
	Desc     uint64
	Avail    uint64
	Used     uint64
	Base     uint16 // index of the next available entry to take
	EventIdx bool   // VIRTIO_F_EVENT_IDX was negotiated
	Indirect bool   // VIRTIO_F_INDIRECT_DESC was negotiated
}

// Queue is one virtqueue, seen from the device.
type Queue struct {
	cfg   Config
	mem   *guestmem.Memory
	desc  []byte
	avail []byte
	used  []byte
	table [][]byte // scratch of walkIndirect

	next     uint16 // the next available entry to take
	usedIdx  uint16 // the next used entry to fill
	signaled uint16 // usedIdx when NeedSignal last looked
	fresh    bool   // NeedSignal has not looked yet
	flags    uint16 // used.flags
}

// New returns the queue that cfg describes. It fails when a part of it lies
// outside mem, is misaligned, or its size is not a power of two.
func New(mem *guestmem.Memory, cfg Config) (*Queue, error) {
	if cfg.Size == 0 || cfg.Size > MaxSize || cfg.Size&(cfg.Size-1) != 0 {
		return nil, fmt.Errorf("queue size %d is no power of two up to %d", cfg.Size, MaxSize)
	}
	if cfg.Desc%16 != 0 || cfg.Avail%2 != 0 || cfg.Used%4 != 0 {
		return nil, fmt.Errorf("queue at %#x, %#x, %#x is misaligned", cfg.Desc, cfg.Avail, cfg.Used)
	}
	q := &Queue{cfg: cfg, next: cfg.Base, fresh: true}
	if err := q.Rebind(mem); err != nil {
		return nil, err
	}
	// The used index survives a device that stops and starts again.
	q.usedIdx = binary.LittleEndian.Uint16(q.used[2:])
	return q, nil
}

// Rebind moves the queue to a new mapping of the same memory. It keeps the
// queue's position. On an error the queue still refers to the old mapping.
func (q *Queue) Rebind(mem *guestmem.Memory) error {
	n := uint64(q.cfg.Size)
	desc, err := mem.User(q.cfg.Desc, n*descSize)
	if err != nil {
		return fmt.Errorf("descriptor table: %w", err)
	}
	// Both rings end with the 16-bit event index.
	avail, err := mem.User(q.cfg.Avail, availHeader+2*n+2)
	if err != nil {
		return fmt.Errorf("available ring: %w", err)
	}
	used, err := mem.User(q.cfg.Used, usedHeader+usedElemSize*n+2)
	if err != nil {
		return fmt.Errorf("used ring: %w", err)
	}
	if misaligned(desc, 16) || misaligned(avail, 2) || misaligned(used, 4) {
		return errors.New("queue is misaligned in guest memory")
	}
	q.mem, q.desc, q.avail, q.used = mem, desc, avail, used
	return nil
}

func misaligned(b []byte, n uintptr) bool {
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))%n != 0
}

// Size returns the number of entries.
func (q *Queue) Size() int { return int(q.cfg.Size) }

// Base returns the index of the next available entry, for
// VHOST_USER_GET_VRING_BASE.
func (q *Queue) Base() uint16 { return q.next }

// Available returns how many chains the driver has made available and the
// device has not taken.
func (q *Queue) Available() (int, error) {
	n := loadAcquire16(q.avail[2:]) - q.next
	if uint32(n) > q.cfg.Size {
		return 0, fmt.Errorf("%w: available index is %d ahead in a queue of %d", ErrBroken, n, q.cfg.Size)
	}
	return int(n), nil
}

// Complete takes the next available chain, whose head is c.Head, out of the
// available ring and returns it to the driver with written bytes in its
// writable part. The driver sees it at the next Publish.
func (q *Queue) Complete(c *Chain, written uint32) {
	slot := q.used[usedHeader+usedElemSize*(uint32(q.usedIdx)&(q.cfg.Size-1)):]
	binary.LittleEndian.PutUint32(slot, uint32(c.Head))
	binary.LittleEndian.PutUint32(slot[4:], written)
	q.next++
	q.usedIdx++
}

// Publish makes all completed chains visible to the driver.
func (q *Queue) Publish() {
	// flags and idx share an aligned word; the store is also the full barrier
	// between the index and the event fields read after it.
	atomic.StoreUint32(word(q.used), uint32(q.flags)|uint32(q.usedIdx)<<16)
}

// NeedSignal reports whether the driver wants to be signaled about what was
// published since the last call (virtio 1.3, section 2.7.7).
func (q *Queue) NeedSignal() bool {
	if q.usedIdx == q.signaled && !q.fresh {
		return false
	}
	if !q.cfg.EventIdx {
		q.signaled, q.fresh = q.usedIdx, false
		return loadAcquire16(q.avail)&availNoInterrupt == 0
	}
	old, fresh := q.signaled, q.fresh
	q.signaled, q.fresh = q.usedIdx, false
	event := loadAcquire16(q.avail[availHeader+2*q.cfg.Size:])
	return fresh || q.usedIdx-event-1 < q.usedIdx-old
}

// DisableKicks tells the driver not to kick. It is a hint: kicks may come.
func (q *Queue) DisableKicks() {
	// With EVENT_IDX an event index left behind does the same.
	if !q.cfg.EventIdx && q.flags != usedNoNotify {
		q.flags = usedNoNotify
		q.Publish()
	}
}

// EnableKicks asks the driver to kick when it adds a chain, and returns how
// many chains are there already, for which no kick may come.
func (q *Queue) EnableKicks() (int, error) {
	if q.cfg.EventIdx {
		binary.LittleEndian.PutUint16(q.used[usedHeader+usedElemSize*q.cfg.Size:], q.next)
	} else {
		q.flags = 0
	}
	q.Publish()
	return q.Available()
}

// word returns the 32-bit word at the start of b, which must be aligned.
func word(b []byte) *uint32 {
	_ = b[3]
	return (*uint32)(unsafe.Pointer(unsafe.SliceData(b)))
}

// loadAcquire16 reads the little-endian 16-bit value at the start of b, which
// must be 2-aligned, so that no later read is ordered before it. There is no
// 16-bit atomic load in Go; the aligned word around the value is in the same
// page, thus mapped.
func loadAcquire16(b []byte) uint16 {
	_ = b[1]
	p := unsafe.Pointer(unsafe.SliceData(b))
	off := uintptr(p) & 2
	w := atomic.LoadUint32((*uint32)(unsafe.Add(p, -int(off))))
	return uint16(w >> (8 * off))
}
