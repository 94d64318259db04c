package ring

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cardplane/cardplane/vmm/vhostvsock/guestmem"
)

// maxSegments bounds a chain: what one readv or writev takes (UIO_MAXIOV),
// and far beyond what a vsock driver needs.
const maxSegments = 1024

const (
	descNext     = 1
	descWrite    = 2
	descIndirect = 4
)

// Chain is one buffer of a driver: slices of guest memory that the device may
// read, then slices that it may write. Its slices are valid until the memory
// is unmapped, and what they hold can change at any time.
type Chain struct {
	Head     uint16
	Readable [][]byte
	Writable [][]byte
	ReadLen  uint64 // bytes in Readable
	WriteLen uint64 // bytes in Writable
}

// Clear drops the references into guest memory and keeps the arrays.
func (c *Chain) Clear() {
	clear(c.Readable[:cap(c.Readable)])
	clear(c.Writable[:cap(c.Writable)])
	*c = Chain{Readable: c.Readable[:0], Writable: c.Writable[:0]}
}

type descriptor struct {
	addr  uint64
	len   uint32
	flags uint16
	next  uint16
}

// readDescriptor reads each field once: the driver may change it meanwhile.
func readDescriptor(b []byte) descriptor {
	_ = b[descSize-1]
	le := binary.LittleEndian
	return descriptor{
		addr:  le.Uint64(b[0:]),
		len:   le.Uint32(b[8:]),
		flags: le.Uint16(b[12:]),
		next:  le.Uint16(b[14:]),
	}
}

// Peek fills c with the chain that is i entries after the next available one.
// Available must have returned more than i. It takes nothing out of the ring.
func (q *Queue) Peek(i int, c *Chain) error {
	c.Readable, c.Writable = c.Readable[:0], c.Writable[:0]
	c.ReadLen, c.WriteLen = 0, 0
	slot := (uint32(q.next) + uint32(i)) & (q.cfg.Size - 1)
	c.Head = binary.LittleEndian.Uint16(q.avail[availHeader+2*slot:])
	if uint32(c.Head) >= q.cfg.Size {
		return fmt.Errorf("%w: head %d in a queue of %d", ErrBroken, c.Head, q.cfg.Size)
	}
	if err := q.walk(c); err != nil {
		return fmt.Errorf("%w: chain at descriptor %d: %w", ErrBroken, c.Head, err)
	}
	return nil
}

// walk follows the descriptors from c.Head. The count bounds it: a chain
// longer than the table must be a loop.
func (q *Queue) walk(c *Chain) error {
	index := uint32(c.Head)
	for range q.cfg.Size {
		d := readDescriptor(q.desc[index*descSize:])
		if d.flags&descIndirect != 0 {
			return q.walkIndirect(c, d)
		}
		if err := c.add(q.mem, d); err != nil {
			return err
		}
		if d.flags&descNext == 0 {
			return nil
		}
		if index = uint32(d.next); index >= q.cfg.Size {
			return fmt.Errorf("next descriptor %d is outside the table", index)
		}
	}
	return errors.New("has a loop")
}

// walkIndirect follows the table that d points to (virtio 1.3, section
// 2.7.5.3). The table is the end of its chain.
func (q *Queue) walkIndirect(c *Chain, d descriptor) error {
	switch {
	case !q.cfg.Indirect:
		return errors.New("indirect descriptor was not negotiated")
	case d.flags&descNext != 0:
		return errors.New("indirect descriptor has a next one")
	case d.len == 0 || d.len%descSize != 0 || d.len > maxSegments*descSize:
		return fmt.Errorf("indirect table of %d bytes", d.len)
	}
	parts, err := q.mem.AppendGuest(q.table[:0], d.addr, uint64(d.len))
	if err != nil {
		return fmt.Errorf("indirect table: %w", err)
	}
	q.table = parts
	if len(parts) != 1 {
		return errors.New("indirect table spans memory regions")
	}
	return c.addTable(q.mem, parts[0])
}

func (c *Chain) addTable(mem *guestmem.Memory, table []byte) error {
	n := uint32(len(table) / descSize)
	index := uint32(0)
	for range n {
		d := readDescriptor(table[index*descSize:])
		if d.flags&descIndirect != 0 {
			return errors.New("indirect descriptor inside an indirect table")
		}
		if err := c.add(mem, d); err != nil {
			return err
		}
		if d.flags&descNext == 0 {
			return nil
		}
		if index = uint32(d.next); index >= n {
			return fmt.Errorf("next descriptor %d is outside an indirect table of %d", index, n)
		}
	}
	return errors.New("has a loop in its indirect table")
}

// add appends the buffer of d to the chain.
func (c *Chain) add(mem *guestmem.Memory, d descriptor) error {
	var err error
	if d.flags&descWrite != 0 {
		c.Writable, err = mem.AppendGuest(c.Writable, d.addr, uint64(d.len))
		c.WriteLen += uint64(d.len)
	} else {
		if len(c.Writable) > 0 {
			return errors.New("readable descriptor after a writable one")
		}
		c.Readable, err = mem.AppendGuest(c.Readable, d.addr, uint64(d.len))
		c.ReadLen += uint64(d.len)
	}
	if err != nil {
		return fmt.Errorf("buffer of %d bytes: %w", d.len, err)
	}
	if len(c.Readable)+len(c.Writable) > maxSegments {
		return fmt.Errorf("has more than %d buffers", maxSegments)
	}
	return nil
}
