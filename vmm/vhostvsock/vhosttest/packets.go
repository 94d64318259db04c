package vhosttest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/vhostvsock/packet"
)

// Send sends a packet; h.Len and the addresses are set to fit. It waits for a
// free descriptor as long as sendTimeout.
func (d *Driver) Send(h packet.Header, payload []byte) error {
	h.Len, h.Type = uint32(len(payload)), packet.TypeStream
	h.SrcCID, h.DstCID = d.CID, packet.HostCID
	return d.SendRaw(h, payload)
}

// SendRaw sends a packet with the header as it is.
func (d *Driver) SendRaw(h packet.Header, payload []byte) error {
	d.txMu.Lock()
	defer d.txMu.Unlock()
	deadline := time.Now().Add(sendTimeout)
	for !d.put(&h, payload) {
		if time.Now().After(deadline) {
			return fmt.Errorf("send: %w", ErrTimeout)
		}
		if d.Queues[TX].EnableSignal() {
			continue
		}
		if err := waitFD(100*time.Millisecond, d.Queues[TX].CallFD()); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
	return d.Queues[TX].Kick()
}

// put queues a packet unless there is no slot or descriptor.
func (d *Driver) put(h *packet.Header, payload []byte) bool {
	q := d.Queues[TX]
	for {
		head, _, ok := q.Used()
		if !ok {
			break
		}
		d.txFree = append(d.txFree, d.txInUse[head])
		delete(d.txInUse, head)
	}
	if len(d.txFree) == 0 {
		return false
	}
	slot := d.txFree[0]
	mem := d.Memory.At(slot, txSlotSize)
	h.Encode(mem)
	n := copy(mem[packet.HeaderSize:], payload)
	head, ok := q.Add(d.layout(slot, n))
	if ok {
		d.txFree = d.txFree[1:]
		d.txInUse[head] = slot
	}
	return ok
}

func (d *Driver) layout(slot uint64, n int) []Buffer {
	split := d.opt.TXSplit
	if split < 0 || n == 0 {
		return []Buffer{{Addr: slot, Len: uint32(packet.HeaderSize + n)}}
	}
	if split == 0 {
		split = n
	}
	bufs := []Buffer{{Addr: slot, Len: packet.HeaderSize}}
	for at := 0; at < n; at += split {
		bufs = append(bufs, Buffer{Addr: slot + packet.HeaderSize + uint64(at), Len: uint32(min(split, n-at))})
	}
	return bufs
}

// Recv returns the next packet and gives its buffer back to the device. It
// returns ErrTimeout when none comes within limit, and ErrStopped after
// Interrupt.
func (d *Driver) Recv(limit time.Duration) (packet.Header, []byte, error) {
	q := d.Queues[RX]
	deadline := time.Now().Add(limit)
	for {
		if head, n, ok := q.Used(); ok {
			return d.take(head, n)
		}
		if q.EnableSignal() {
			continue
		}
		err := waitFD(time.Until(deadline), q.CallFD(), d.stop)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = ErrTimeout
		}
		if err == nil && readable(d.stop) {
			err = ErrStopped
		}
		if err != nil {
			return packet.Header{}, nil, err
		}
	}
}

func (d *Driver) take(head uint16, n uint32) (packet.Header, []byte, error) {
	bufs := d.rx[head]
	delete(d.rx, head)
	var b []byte
	for _, buf := range bufs {
		b = append(b, d.Memory.At(buf.Addr, uint64(buf.Len))...)
	}
	if n < packet.HeaderSize || int(n) > len(b) {
		return packet.Header{}, nil, fmt.Errorf("device wrote %d bytes into a buffer of %d", n, len(b))
	}
	h := packet.Decode(b)
	if h.Len != n-packet.HeaderSize {
		return h, nil, fmt.Errorf("packet of %d bytes says %d", n-packet.HeaderSize, h.Len)
	}
	d.giveBuffer(bufs)
	return h, b[packet.HeaderSize:n], d.Queues[RX].Kick()
}

// Interrupt ends a Recv that waits, now and for good. Any goroutine may call
// it.
func (d *Driver) Interrupt() error {
	_, err := unix.Write(d.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	return err
}

// Close disconnects from the device and frees the memory.
func (d *Driver) Close() error {
	var errs []error
	if d.Front != nil {
		errs = append(errs, d.Front.Close())
	}
	for _, q := range d.Queues {
		if q != nil {
			errs = append(errs, q.Close())
		}
	}
	if d.stop >= 0 {
		errs = append(errs, unix.Close(d.stop))
	}
	if d.Memory != nil {
		errs = append(errs, d.Memory.Close())
	}
	return errors.Join(errs...)
}

// waitFD waits until one of the eventfds is readable and empties the first.
// It returns os.ErrDeadlineExceeded when limit has passed.
func waitFD(limit time.Duration, fds ...int) error {
	polls := make([]unix.PollFd, len(fds))
	for i, fd := range fds {
		polls[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	}
	n, err := unix.Poll(polls, max(0, int(limit/time.Millisecond)))
	switch {
	case err == unix.EINTR:
		return nil
	case err != nil:
		return fmt.Errorf("poll: %w", err)
	case n == 0:
		return os.ErrDeadlineExceeded
	}
	var b [8]byte
	if _, err := unix.Read(fds[0], b[:]); err != nil && err != unix.EAGAIN {
		return fmt.Errorf("read an eventfd: %w", err)
	}
	return nil
}

func readable(fd int) bool {
	polls := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(polls, 0)
	return err == nil && n == 1
}

// WaitBroken waits until the device reports the queue as broken.
func (q *Queue) WaitBroken(limit time.Duration) error { return waitFD(limit, q.errFD) }

// WaitSignal waits until the device has signaled a used chain.
func (q *Queue) WaitSignal(limit time.Duration) error { return waitFD(limit, q.callFD) }

// RecvEvent waits for an event on the event queue.
func (d *Driver) RecvEvent(limit time.Duration) (uint32, error) {
	q := d.Queues[Event]
	for {
		if _, n, ok := q.Used(); ok {
			if n != packet.EventSize {
				return 0, fmt.Errorf("event of %d bytes", n)
			}
			return binary.LittleEndian.Uint32(d.Memory.At(d.event, packet.EventSize)), nil
		}
		if q.EnableSignal() {
			continue
		}
		if err := waitFD(limit, q.CallFD()); err != nil {
			return 0, err
		}
	}
}
