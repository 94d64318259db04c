package vhosttest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/vhostvsock/packet"
	"github.com/cardplane/cardplane/vmm/vhostvsock/protocol"
)

// Indexes of a vsock device's queues (virtio 1.3, section 5.10.2).
const (
	RX    = 0
	TX    = 1
	Event = 2
)

// Options shapes a Driver. The zero value is a driver like Linux's.
type Options struct {
	QueueSize     uint16 // entries of each queue; 0: 128
	NoEventIdx    bool   // do not accept VIRTIO_F_EVENT_IDX
	NoIndirect    bool   // do not accept VIRTIO_F_INDIRECT_DESC
	NoProtocol    bool   // do not accept VHOST_USER_F_PROTOCOL_FEATURES
	NoResetDevice bool   // do not accept VHOST_USER_PROTOCOL_F_RESET_DEVICE
	EventQueue    bool   // hand the event queue over; QEMU keeps it
	Regions       int    // memory regions; 0: 1
	// RXBuffer holds the sizes in bytes of the descriptors that make up one
	// receive buffer; nil: one of 4096.
	RXBuffer []uint32
	// TXSplit is the size in bytes of the descriptors after the header that a
	// payload is cut into; 0: one. A negative value puts header and payload
	// into one descriptor.
	TXSplit int
	// RXBuffers is how many receive buffers the driver gives; 0: as many as fit.
	RXBuffers int
	// Base is where the rings begin; a driver that was not reset has it above 0.
	Base uint16
}

const (
	memorySize = 16 << 20
	txSlots    = 16
	txSlotSize = packet.HeaderSize + packet.MaxPayload
)

// Driver is a guest's virtio-vsock driver below connections: it sends and
// receives packets. One goroutine may call Recv while others call Send.
type Driver struct {
	Front  *FrontEnd
	Memory *Memory
	Queues [3]*Queue
	CID    uint64 // as read from the configuration space

	opt  Options
	stop int // eventfd that ends Recv

	event uint64              // address of the event buffer
	rx    map[uint16][]Buffer // head to its receive buffer; Recv's

	txMu    sync.Mutex // guards what follows and Queues[TX]
	txFree  []uint64   // addresses of transmit slots
	txInUse map[uint16]uint64
}

// ErrTimeout is returned when the device does not do what it should in time.
var ErrTimeout = errors.New("the device did not answer in time")

// ErrStopped is returned by Recv after Interrupt.
var ErrStopped = errors.New("interrupted")

// sendTimeout is how long Send waits for the device to take packets.
const sendTimeout = 10 * time.Second

// NewDriver connects to the back-end at socket, lays out guest memory, starts
// the queues and fills the receive queue.
func NewDriver(socket string, opt Options) (_ *Driver, err error) {
	if opt.QueueSize == 0 {
		opt.QueueSize = 128
	}
	if opt.RXBuffer == nil {
		opt.RXBuffer = []uint32{4096}
	}
	d := &Driver{opt: opt, stop: -1, rx: map[uint16][]Buffer{}, txInUse: map[uint16]uint64{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	if d.Memory, err = NewMemory(memorySize, max(1, opt.Regions)); err != nil {
		return nil, err
	}
	if d.stop, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	for range txSlots {
		slot, err := d.Memory.Alloc(txSlotSize, 4)
		if err != nil {
			return nil, err
		}
		d.txFree = append(d.txFree, slot)
	}
	if err := d.connect(socket); err != nil {
		return nil, err
	}
	return d, d.Reset(opt.Base)
}

func (d *Driver) connect(socket string) (err error) {
	if d.Front, err = Connect(socket); err != nil {
		return err
	}
	want := protocol.VirtioVersion1
	if !d.opt.NoEventIdx {
		want |= protocol.VirtioEventIdx
	}
	if !d.opt.NoIndirect {
		want |= protocol.VirtioIndirectDesc
	}
	if !d.opt.NoProtocol {
		want |= protocol.VhostProtocolFeature
	}
	proto := protocol.FeatureMQ | protocol.FeatureReplyAck | protocol.FeatureConfig | protocol.FeatureResetDevice
	if d.opt.NoResetDevice {
		proto &^= protocol.FeatureResetDevice
	}
	if err := d.Front.Negotiate(want, proto); err != nil {
		return err
	}
	if d.CID, err = d.Front.ConfigCID(); err != nil {
		return err
	}
	return d.Front.ShareMemory(d.Memory)
}

// Reset makes new queues, as a driver does after it has reset the device, and
// starts them. A base above 0 stands for a driver that was not reset: its
// rings go on where they were. The old queues must be stopped.
func (d *Driver) Reset(base uint16) error {
	features := d.Front.Features()
	for i := range d.Queues {
		if q := d.Queues[i]; q != nil {
			if err := q.Close(); err != nil {
				return err
			}
			d.Queues[i] = nil
		}
		q, err := NewQueue(d.Memory, d.opt.QueueSize, features&protocol.VirtioEventIdx != 0, features&protocol.VirtioIndirectDesc != 0)
		if err != nil {
			return err
		}
		q.begin(base)
		d.Queues[i] = q
	}
	clear(d.rx)
	if err := d.fill(); err != nil {
		return err
	}
	for i := range d.Queues {
		if i == Event && !d.opt.EventQueue {
			continue
		}
		if err := d.Front.StartQueue(uint32(i), d.Queues[i], base); err != nil {
			return err
		}
	}
	return nil
}

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

// fill gives the device its receive and event buffers.
func (d *Driver) fill() error {
	for i := 0; d.opt.RXBuffers == 0 || i < d.opt.RXBuffers; i++ {
		if len(d.Queues[RX].free) < len(d.opt.RXBuffer) || i == int(d.opt.QueueSize)/2 {
			break
		}
		bufs := make([]Buffer, len(d.opt.RXBuffer))
		for j, n := range d.opt.RXBuffer {
			addr, err := d.Memory.Alloc(uint64(n), 1)
			if err != nil {
				return err
			}
			bufs[j] = Buffer{Addr: addr, Len: n, Writable: true}
		}
		d.giveBuffer(bufs)
	}
	// A second event would overwrite the first: one buffer is enough here.
	var err error
	d.event, err = d.Memory.Alloc(packet.EventSize, 4)
	d.Queues[Event].Add([]Buffer{{Addr: d.event, Len: packet.EventSize, Writable: true}})
	return err
}

func (d *Driver) giveBuffer(bufs []Buffer) {
	head, ok := d.Queues[RX].Add(bufs)
	if ok {
		d.rx[head] = bufs
	}
}

// Stop stops both packet queues and returns their positions, as a front-end
// does when the virtual machine pauses.
func (d *Driver) Stop() (bases [2]uint16, err error) {
	for i := range bases {
		if bases[i], err = d.Front.StopQueue(uint32(i)); err != nil {
			return bases, err
		}
	}
	return bases, nil
}

// Resume starts both packet queues where Stop left them.
func (d *Driver) Resume(bases [2]uint16) error {
	for i, base := range bases {
		if err := d.Front.StartQueue(uint32(i), d.Queues[i], base); err != nil {
			return err
		}
	}
	return nil
}

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
