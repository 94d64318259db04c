package vhosttest

import (
	"errors"
	"fmt"
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
