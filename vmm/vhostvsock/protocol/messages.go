// Package protocol is the wire format of vhost-user (the specification is
// QEMU's docs/interop/vhost-user.rst): messages with file descriptors over a
// UNIX stream socket. It serves both ends.
package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cardplane/cardplane/vmm/vhostvsock/guestmem"
)

// Request is the type of a front-end message.
type Request uint32

// Front-end messages, with the numbers of the specification.
const (
	GetFeatures         Request = 1
	SetFeatures         Request = 2
	SetOwner            Request = 3
	ResetOwner          Request = 4
	SetMemTable         Request = 5
	SetVringNum         Request = 8
	SetVringAddr        Request = 9
	SetVringBase        Request = 10
	GetVringBase        Request = 11
	SetVringKick        Request = 12
	SetVringCall        Request = 13
	SetVringErr         Request = 14
	GetProtocolFeatures Request = 15
	SetProtocolFeatures Request = 16
	GetQueueNum         Request = 17
	SetVringEnable      Request = 18
	GetConfig           Request = 24
	SetConfig           Request = 25
	ResetDevice         Request = 34
)

var requestNames = map[Request]string{
	GetFeatures: "GET_FEATURES", SetFeatures: "SET_FEATURES", SetOwner: "SET_OWNER",
	ResetOwner: "RESET_OWNER", SetMemTable: "SET_MEM_TABLE", SetVringNum: "SET_VRING_NUM",
	SetVringAddr: "SET_VRING_ADDR", SetVringBase: "SET_VRING_BASE", GetVringBase: "GET_VRING_BASE",
	SetVringKick: "SET_VRING_KICK", SetVringCall: "SET_VRING_CALL", SetVringErr: "SET_VRING_ERR",
	GetProtocolFeatures: "GET_PROTOCOL_FEATURES", SetProtocolFeatures: "SET_PROTOCOL_FEATURES",
	GetQueueNum: "GET_QUEUE_NUM", SetVringEnable: "SET_VRING_ENABLE", GetConfig: "GET_CONFIG",
	SetConfig: "SET_CONFIG", ResetDevice: "RESET_DEVICE",
}

// String returns the specification's name without its VHOST_USER_ prefix.
func (r Request) String() string {
	if name, ok := requestNames[r]; ok {
		return name
	}
	return fmt.Sprintf("request %d", uint32(r))
}

// Flags of a message header.
const (
	Version      = 1
	versionMask  = 3
	FlagReply    = 1 << 2
	FlagNeedAck  = 1 << 3 // VHOST_USER_NEED_REPLY
	knownFlags   = versionMask | FlagReply | FlagNeedAck
	vringNoFD    = 1 << 8
	vringIndex   = 0xff
	headerSize   = 12
	regionSize   = 32
	memHeader    = 8
	configHeader = 12
)

// Protocol feature bits (VHOST_USER_PROTOCOL_F_*), as masks.
const (
	FeatureMQ          uint64 = 1 << 0
	FeatureReplyAck    uint64 = 1 << 3
	FeatureConfig      uint64 = 1 << 9
	FeatureResetDevice uint64 = 1 << 13
)

// Virtio feature bits that a vhost-user back-end negotiates, as masks.
const (
	VirtioIndirectDesc   uint64 = 1 << 28
	VirtioEventIdx       uint64 = 1 << 29
	VhostProtocolFeature uint64 = 1 << 30 // VHOST_USER_F_PROTOCOL_FEATURES
	VirtioVersion1       uint64 = 1 << 32
)

// MaxConfig is the size of the largest configuration space (bytes).
const MaxConfig = 256

// MaxPayload is the size of the largest payload that is read (bytes).
const MaxPayload = max(memHeader+guestmem.MaxRegions*regionSize, configHeader+MaxConfig)

// ErrMalformed is wrapped by every error about a message that breaks the
// format. The stream is out of step then and must be closed.
var ErrMalformed = errors.New("malformed vhost-user message")

// Message is one message. Payload is valid until the next message is read.
// The receiver owns FDs.
type Message struct {
	Request Request
	Flags   uint32
	Payload []byte
	FDs     []int
}

func (m *Message) size(want int) error {
	if len(m.Payload) != want {
		return fmt.Errorf("%w: %v has %d bytes of payload, not %d", ErrMalformed, m.Request, len(m.Payload), want)
	}
	return nil
}

// Uint64 returns the payload of a message that carries one 64-bit value.
func (m *Message) Uint64() (uint64, error) {
	if err := m.size(8); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(m.Payload), nil
}

// PutUint64 is the payload that Uint64 reads.
func PutUint64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

// VringState is a vring's index and one number about it.
type VringState struct {
	Index uint32
	Num   uint32
}

// VringState returns the payload of SetVringNum, SetVringBase, GetVringBase
// and SetVringEnable.
func (m *Message) VringState() (VringState, error) {
	if err := m.size(8); err != nil {
		return VringState{}, err
	}
	le := binary.LittleEndian
	return VringState{Index: le.Uint32(m.Payload), Num: le.Uint32(m.Payload[4:])}, nil
}

// Encode returns the payload that Message.VringState reads.
func (s VringState) Encode() []byte {
	b := binary.LittleEndian.AppendUint32(nil, s.Index)
	return binary.LittleEndian.AppendUint32(b, s.Num)
}

// VringAddr says where a vring lies, in virtual addresses of the front-end.
type VringAddr struct {
	Index uint32
	Flags uint32
	Desc  uint64
	Used  uint64
	Avail uint64
	Log   uint64
}

const vringAddrSize = 40

// VringAddr returns the payload of SetVringAddr.
func (m *Message) VringAddr() (VringAddr, error) {
	if err := m.size(vringAddrSize); err != nil {
		return VringAddr{}, err
	}
	le, p := binary.LittleEndian, m.Payload
	return VringAddr{
		Index: le.Uint32(p), Flags: le.Uint32(p[4:]),
		Desc: le.Uint64(p[8:]), Used: le.Uint64(p[16:]), Avail: le.Uint64(p[24:]), Log: le.Uint64(p[32:]),
	}, nil
}

// Encode returns the payload that Message.VringAddr reads.
func (a VringAddr) Encode() []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, a.Index)
	b = le.AppendUint32(b, a.Flags)
	for _, v := range []uint64{a.Desc, a.Used, a.Avail, a.Log} {
		b = le.AppendUint64(b, v)
	}
	return b
}

// VringFD returns the vring index and the descriptor of SetVringKick,
// SetVringCall and SetVringErr; fd is -1 when the front-end passes none. The
// descriptor stays in m.FDs.
func (m *Message) VringFD() (index uint32, fd int, err error) {
	v, err := m.Uint64()
	if err != nil {
		return 0, -1, err
	}
	want := 1
	if v&vringNoFD != 0 {
		want = 0
	}
	if v&^(vringNoFD|vringIndex) != 0 || len(m.FDs) != want {
		return 0, -1, fmt.Errorf("%w: %v of %#x with %d descriptors", ErrMalformed, m.Request, v, len(m.FDs))
	}
	if want == 0 {
		return uint32(v & vringIndex), -1, nil
	}
	return uint32(v & vringIndex), m.FDs[0], nil
}

// PutVringFD is the payload that VringFD reads.
func PutVringFD(index uint32, withFD bool) []byte {
	v := uint64(index)
	if !withFD {
		v |= vringNoFD
	}
	return PutUint64(v)
}

// MemTable returns the regions of SetMemTable, one for each of m.FDs.
func (m *Message) MemTable() ([]guestmem.Region, error) {
	if len(m.Payload) < memHeader {
		return nil, m.size(memHeader)
	}
	le := binary.LittleEndian
	n := le.Uint32(m.Payload)
	if n > guestmem.MaxRegions || int(n) != len(m.FDs) {
		return nil, fmt.Errorf("%w: SET_MEM_TABLE of %d regions with %d descriptors", ErrMalformed, n, len(m.FDs))
	}
	if err := m.size(memHeader + int(n)*regionSize); err != nil {
		return nil, err
	}
	regions := make([]guestmem.Region, n)
	for i := range regions {
		p := m.Payload[memHeader+i*regionSize:]
		regions[i] = guestmem.Region{
			GuestAddr: le.Uint64(p), Size: le.Uint64(p[8:]),
			UserAddr: le.Uint64(p[16:]), FileOffset: le.Uint64(p[24:]),
		}
	}
	return regions, nil
}

// PutMemTable is the payload that MemTable reads.
func PutMemTable(regions []guestmem.Region) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, uint32(len(regions)))
	b = le.AppendUint32(b, 0)
	for _, r := range regions {
		for _, v := range []uint64{r.GuestAddr, r.Size, r.UserAddr, r.FileOffset} {
			b = le.AppendUint64(b, v)
		}
	}
	return b
}

// Config is a window into the configuration space.
type Config struct {
	Offset uint32
	Flags  uint32
	Data   []byte // for a GetConfig request its length alone counts
}

// Config returns the payload of GetConfig and SetConfig.
func (m *Message) Config() (Config, error) {
	if len(m.Payload) < configHeader {
		return Config{}, m.size(configHeader)
	}
	le := binary.LittleEndian
	n := le.Uint32(m.Payload[4:])
	if n > MaxConfig {
		return Config{}, fmt.Errorf("%w: %v of %d bytes", ErrMalformed, m.Request, n)
	}
	if err := m.size(configHeader + int(n)); err != nil {
		return Config{}, err
	}
	return Config{Offset: le.Uint32(m.Payload), Flags: le.Uint32(m.Payload[8:]), Data: m.Payload[configHeader:]}, nil
}

// Encode returns the payload that Message.Config reads.
func (c Config) Encode() []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, c.Offset)
	b = le.AppendUint32(b, uint32(len(c.Data)))
	b = le.AppendUint32(b, c.Flags)
	return append(b, c.Data...)
}
