package vhosttest

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/vhostvsock/guestmem"
	"github.com/cardplane/cardplane/vmm/vhostvsock/protocol"
)

// FrontEnd is the front-end side of one vhost-user connection. It is for one
// goroutine.
type FrontEnd struct {
	fd       int
	conn     *protocol.Conn
	features uint64 // accepted virtio features
	proto    uint64 // accepted protocol features
}

// ErrRefused is returned when the back-end acknowledges a message with a
// failure.
var ErrRefused = errors.New("the back-end refused the message")

// Connect connects to the back-end at the socket path.
func Connect(path string) (*FrontEnd, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	// A back-end that does not answer fails the test instead of hanging it.
	limit := unix.Timeval{Sec: 10}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to %s: %w", path, err), unix.Close(fd))
	}
	return &FrontEnd{fd: fd, conn: protocol.NewConn(fd)}, nil
}

// Close ends the connection.
func (f *FrontEnd) Close() error {
	f.conn.Close()
	return unix.Close(f.fd)
}

// Ask sends r and returns the payload of the back-end's reply, valid until the
// next message.
func (f *FrontEnd) Ask(r protocol.Request, payload []byte) ([]byte, error) {
	if err := f.conn.Write(r, 0, payload); err != nil {
		return nil, err
	}
	return f.reply(r)
}

func (f *FrontEnd) reply(r protocol.Request) ([]byte, error) {
	m, err := f.conn.Read()
	if err != nil {
		return nil, fmt.Errorf("reply to %v: %w", r, err)
	}
	if m.Request != r || m.Flags&protocol.FlagReply == 0 {
		return nil, fmt.Errorf("reply to %v is %v with flags %#x", r, m.Request, m.Flags)
	}
	return m.Payload, nil
}

// Tell sends r, which has no reply of its own, and waits until the back-end
// has carried it out when REPLY_ACK was negotiated. It returns ErrRefused
// when the back-end would not.
func (f *FrontEnd) Tell(r protocol.Request, payload []byte, fds ...int) error {
	if f.proto&protocol.FeatureReplyAck == 0 {
		return f.conn.Write(r, 0, payload, fds...)
	}
	if err := f.conn.Write(r, protocol.FlagNeedAck, payload, fds...); err != nil {
		return err
	}
	ack, err := f.reply(r)
	if err != nil {
		return err
	}
	if len(ack) != 8 || binary.LittleEndian.Uint64(ack) != 0 {
		return fmt.Errorf("%v: %w", r, ErrRefused)
	}
	return nil
}

// Negotiate accepts those of the wanted virtio and protocol features that the
// back-end offers, and becomes its owner.
func (f *FrontEnd) Negotiate(features, proto uint64) error {
	offered, err := f.askUint64(protocol.GetFeatures)
	if err != nil {
		return err
	}
	if offered&protocol.VhostProtocolFeature != 0 && features&protocol.VhostProtocolFeature != 0 {
		has, err := f.askUint64(protocol.GetProtocolFeatures)
		if err != nil {
			return err
		}
		if err := f.Tell(protocol.SetProtocolFeatures, protocol.PutUint64(has&proto)); err != nil {
			return err
		}
		f.proto = has & proto
	}
	if err := f.Tell(protocol.SetOwner, nil); err != nil {
		return err
	}
	f.features = offered & features
	return f.Tell(protocol.SetFeatures, protocol.PutUint64(f.features))
}

func (f *FrontEnd) askUint64(r protocol.Request) (uint64, error) {
	b, err := f.Ask(r, nil)
	if err != nil {
		return 0, err
	}
	if len(b) != 8 {
		return 0, fmt.Errorf("reply to %v has %d bytes", r, len(b))
	}
	return binary.LittleEndian.Uint64(b), nil
}

// Features returns the virtio features that Negotiate accepted.
func (f *FrontEnd) Features() uint64 { return f.features }

// ConfigCID reads the guest's CID from the configuration space.
func (f *FrontEnd) ConfigCID() (uint64, error) {
	b, err := f.Ask(protocol.GetConfig, protocol.Config{Data: make([]byte, 8)}.Encode())
	if err != nil {
		return 0, err
	}
	if len(b) != 20 {
		return 0, fmt.Errorf("reply to GET_CONFIG has %d bytes", len(b))
	}
	return binary.LittleEndian.Uint64(b[12:]), nil
}

// ShareMemory gives the back-end the memory m in as many regions as it has.
func (f *FrontEnd) ShareMemory(m *Memory) error {
	fds := make([]int, len(m.Regions))
	for i := range fds {
		fds[i] = m.fd
	}
	return f.Tell(protocol.SetMemTable, protocol.PutMemTable(m.Regions), fds...)
}

// StartQueue tells the back-end all about q and enables it. base is where the
// back-end begins in the available ring.
func (f *FrontEnd) StartQueue(index uint32, q *Queue, base uint16) error {
	num := func(r protocol.Request, n uint32) error {
		return f.Tell(r, protocol.VringState{Index: index, Num: n}.Encode())
	}
	addr := protocol.VringAddr{Index: index, Desc: q.user(q.desc), Avail: q.user(q.avail), Used: q.user(q.used)}
	steps := []func() error{
		func() error { return num(protocol.SetVringNum, uint32(q.size)) },
		func() error { return num(protocol.SetVringBase, uint32(base)) },
		func() error { return f.Tell(protocol.SetVringAddr, addr.Encode()) },
		func() error { return f.Tell(protocol.SetVringErr, protocol.PutVringFD(index, true), q.errFD) },
		func() error { return f.Tell(protocol.SetVringCall, protocol.PutVringFD(index, true), q.callFD) },
		func() error { return f.Tell(protocol.SetVringKick, protocol.PutVringFD(index, true), q.kickFD) },
		func() error {
			if f.features&protocol.VhostProtocolFeature == 0 {
				return nil
			}
			return num(protocol.SetVringEnable, 1)
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("start queue %d: %w", index, err)
		}
	}
	return nil
}

// StopQueue stops the queue and returns how far the back-end got in the
// available ring.
func (f *FrontEnd) StopQueue(index uint32) (uint16, error) {
	b, err := f.Ask(protocol.GetVringBase, protocol.VringState{Index: index}.Encode())
	if err != nil {
		return 0, err
	}
	if len(b) != 8 || binary.LittleEndian.Uint32(b) != index {
		return 0, fmt.Errorf("reply to GET_VRING_BASE is % x", b)
	}
	return uint16(binary.LittleEndian.Uint32(b[4:])), nil
}

// Memory is guest memory in a memfd, with an allocator for queues and
// buffers.
type Memory struct {
	Regions []guestmem.Region
	fd      int
	data    []byte
	next    uint64
}

// Guest and front-end addresses differ from each other and from file offsets,
// so that no mix-up goes unseen.
const (
	guestBase = 0x1_0000_0000
	userBase  = 0x7e00_0000_0000
)

// NewMemory makes size bytes of guest memory in regions that are adjacent for
// the guest and apart for the front-end, so that buffers can span them.
func NewMemory(size uint64, regions int) (*Memory, error) {
	fd, err := unix.MemfdCreate("guest", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	m := &Memory{fd: fd}
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	if m.data, err = unix.Mmap(fd, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return nil, errors.Join(fmt.Errorf("mmap: %w", err), unix.Close(fd))
	}
	part := size / uint64(regions)
	for i := range uint64(regions) {
		m.Regions = append(m.Regions, guestmem.Region{
			GuestAddr: guestBase + i*part, Size: part,
			UserAddr: userBase + i*(part+0x10000), FileOffset: i * part,
		})
	}
	return m, nil
}

// Close frees the memory. No queue in it may be used afterwards.
func (m *Memory) Close() error {
	return errors.Join(unix.Munmap(m.data), unix.Close(m.fd))
}

// Truncate cuts the file short under the back-end's mapping.
func (m *Memory) Truncate() error { return unix.Ftruncate(m.fd, 0) }

// Alloc returns the guest address of n fresh zero bytes, aligned to align.
func (m *Memory) Alloc(n, align uint64) (uint64, error) {
	at := (m.next + align - 1) / align * align
	if at+n > uint64(len(m.data)) {
		return 0, fmt.Errorf("guest memory of %d bytes is used up", len(m.data))
	}
	m.next = at + n
	return guestBase + at, nil
}

// At returns the n bytes at a guest address from Alloc.
func (m *Memory) At(addr, n uint64) []byte {
	off := addr - guestBase
	return m.data[off : off+n : off+n]
}

// user is the front-end's address of a guest address.
func (m *Memory) user(addr uint64) uint64 {
	for _, r := range m.Regions {
		if addr-r.GuestAddr < r.Size {
			return addr - r.GuestAddr + r.UserAddr
		}
	}
	return 0
}
