package vhostvsock

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/vhostvsock/guestmem"
	"github.com/cardplane/cardplane/vmm/vhostvsock/protocol"
)

const (
	// deviceFeatures are the virtio features on offer. Without
	// VIRTIO_VSOCK_F_STREAM a device has stream sockets alone (virtio 1.3,
	// section 5.10.3).
	deviceFeatures = protocol.VirtioVersion1 | protocol.VirtioIndirectDesc |
		protocol.VirtioEventIdx | protocol.VhostProtocolFeature
	protocolFeatures = protocol.FeatureMQ | protocol.FeatureReplyAck |
		protocol.FeatureConfig | protocol.FeatureResetDevice
)

// frontend is one vhost-user connection, from accept to close: QEMU and the
// virtual machine's memory.
type frontend struct {
	log       logrus.FieldLogger
	cid       uint64
	fd        int
	conn      *protocol.Conn
	poll      *poller
	mux       *muxer
	mem       *guestmem.Memory // nil before SET_MEM_TABLE
	vrings    [numVrings]vring
	features  uint64 // accepted virtio features
	proto     uint64 // accepted protocol features
	adopted   bool   // the muxer has seen this front-end's rings
	failures  int    // how often the guest broke a ring
	owesReset bool   // the event queue has to carry a transport reset
}

func newFrontend(fd int, cid uint64, poll *poller, mux *muxer, log logrus.FieldLogger) *frontend {
	f := &frontend{log: log, cid: cid, fd: fd, conn: protocol.NewConn(fd), poll: poll, mux: mux}
	for i := range f.vrings {
		f.vrings[i] = newVring(poll, i)
	}
	return f
}

// close ends the session. Connections go with it.
func (f *frontend) close() {
	f.mux.detach()
	f.mux.dropAll(true)
	f.conn.Close()
	for i := range f.vrings {
		f.vrings[i].close()
	}
	f.unmap()
	_ = unix.Close(f.fd)
}

func (f *frontend) unmap() {
	f.mux.forgetMemory()
	if f.mem == nil {
		return
	}
	if err := f.mem.Close(); err != nil {
		f.log.WithError(err).Error("cannot unmap guest memory")
	}
	f.mem = nil
}

// receive handles every message that has arrived. An error ends the session.
func (f *frontend) receive() error {
	for {
		m, err := f.conn.Read()
		if errors.Is(err, protocol.ErrAgain) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f.answer(m); err != nil {
			return err
		}
	}
}

// answer handles m and sends its reply or acknowledgement.
func (f *frontend) answer(m *protocol.Message) error {
	reply, err := f.handle(m)
	if errors.Is(err, protocol.ErrMalformed) {
		return err
	}
	if err != nil {
		f.log.WithError(err).WithField("message", m.Request).Error("refused a message of the front-end")
	}
	f.settle()
	if reply != nil {
		return f.conn.Reply(m, reply)
	}
	if m.Flags&protocol.FlagNeedAck == 0 || f.proto&protocol.FeatureReplyAck == 0 {
		return err // a refusal that cannot be told ends the session
	}
	status := uint64(0)
	if err != nil {
		status = 1
	}
	return f.conn.Reply(m, protocol.PutUint64(status))
}

// handle carries out m. Messages with an answer return it.
func (f *frontend) handle(m *protocol.Message) (reply []byte, err error) {
	switch m.Request {
	case protocol.GetFeatures:
		return protocol.PutUint64(deviceFeatures), nil
	case protocol.GetProtocolFeatures:
		return protocol.PutUint64(protocolFeatures), nil
	case protocol.GetQueueNum:
		return protocol.PutUint64(numVrings), nil
	case protocol.GetConfig:
		return f.getConfig(m)
	case protocol.GetVringBase:
		return f.getVringBase(m)
	case protocol.SetFeatures:
		return nil, accept(m, deviceFeatures, &f.features)
	case protocol.SetProtocolFeatures:
		return nil, accept(m, protocolFeatures, &f.proto)
	case protocol.SetOwner:
		return nil, nil
	case protocol.ResetOwner:
		f.stopVrings()
		return nil, nil
	case protocol.ResetDevice:
		f.resetDevice()
		return nil, nil
	case protocol.SetMemTable:
		return nil, f.setMemTable(m)
	case protocol.SetVringKick, protocol.SetVringCall, protocol.SetVringErr:
		return nil, f.setVringFD(m)
	case protocol.SetVringNum, protocol.SetVringBase, protocol.SetVringEnable, protocol.SetVringAddr:
		return nil, f.setVring(m)
	}
	return nil, fmt.Errorf("%v is not supported", m.Request)
}

// accept stores the feature bits of m, which must be among those on offer.
func accept(m *protocol.Message, offered uint64, to *uint64) error {
	v, err := m.Uint64()
	if err != nil {
		return err
	}
	if v&^offered != 0 {
		return fmt.Errorf("features %#x were not offered", v&^offered)
	}
	*to = v
	return nil
}

// getConfig answers with a window of struct virtio_vsock_config, which is the
// guest's CID. An empty payload says that the window is outside.
func (f *frontend) getConfig(m *protocol.Message) ([]byte, error) {
	c, err := m.Config()
	if err != nil {
		return nil, err
	}
	space := binary.LittleEndian.AppendUint64(nil, f.cid)
	end := uint64(c.Offset) + uint64(len(c.Data))
	if end > uint64(len(space)) {
		return []byte{}, nil
	}
	c.Data = space[c.Offset:end]
	return c.Encode(), nil
}

// getVringBase stops the ring, as the specification demands, and says how
// far it got.
func (f *frontend) getVringBase(m *protocol.Message) ([]byte, error) {
	s, err := m.VringState()
	if err != nil {
		return nil, err
	}
	v, err := f.vring(s.Index)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", protocol.ErrMalformed, err) // there is no way to refuse
	}
	f.mux.payAllTX()
	f.stopVring(v)
	return protocol.VringState{Index: s.Index, Num: uint32(v.base)}.Encode(), nil
}

func (f *frontend) vring(index uint32) (*vring, error) {
	if index >= numVrings {
		return nil, fmt.Errorf("vring %d of a device with %d", index, numVrings)
	}
	return &f.vrings[index], nil
}

func (f *frontend) stopVring(v *vring) {
	v.stop()
	f.settle()
}

func (f *frontend) stopVrings() {
	for i := range f.vrings {
		f.stopVring(&f.vrings[i])
	}
}

// resetDevice is a virtio reset: the driver knows of no connection any more.
func (f *frontend) resetDevice() {
	f.stopVrings()
	for i := range f.vrings {
		f.vrings[i].reset()
	}
	f.features = 0
	f.mux.dropAll(false)
}

// fail stops all rings because the guest broke one. Connections are lost; a
// reset of the device by the guest mends it.
func (f *frontend) fail(reason error) {
	// A guest can break its rings as often as it likes; it must not fill a log.
	level := logrus.ErrorLevel
	if f.failures++; f.failures > 1 {
		level = logrus.DebugLevel
	}
	f.log.WithError(reason).WithField("times", f.failures).Log(level, "vsock device stopped until the guest resets it")
	for i := range f.vrings {
		if f.vrings[i].queue != nil {
			notify(f.vrings[i].err)
		}
	}
	f.stopVrings()
	f.mux.dropAll(false)
}

// setMemTable maps the new table before it gives up the old one, so that
// running rings move over without a gap and a bad table changes nothing.
func (f *frontend) setMemTable(m *protocol.Message) error {
	regions, err := m.MemTable()
	if err != nil {
		return err
	}
	mem, err := guestmem.Map(regions, m.FDs)
	if err != nil {
		return err
	}
	for i := range f.vrings {
		v := &f.vrings[i]
		if v.queue == nil {
			continue
		}
		if err := v.queue.Rebind(mem); err != nil {
			// Rings before this one are in the new table already.
			f.fail(fmt.Errorf("vring %d is outside the new memory table: %w", i, err))
			break
		}
	}
	f.unmap()
	f.mem = mem
	return nil
}
