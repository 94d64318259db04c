// Package packet encodes and decodes virtio-vsock packet headers and events
// (virtio 1.3, section 5.10.6).
package packet

import "encoding/binary"

// HeaderSize is the length in bytes of a packet header on a virtqueue.
const HeaderSize = 44

// EventSize is the length in bytes of an event on the event virtqueue.
const EventSize = 4

// HostCID is the context id of the host (VMADDR_CID_HOST).
const HostCID = 2

// TypeStream is the socket type of every connection that this device carries.
const TypeStream = 1

// MaxPayload is the most payload bytes that a packet carries: the limit of
// Linux (VIRTIO_VSOCK_MAX_PKT_BUF_SIZE), which no driver exceeds.
const MaxPayload = 64 << 10

// Op is the operation of a packet.
type Op uint16

// Operations (virtio 1.3, section 5.10.6).
const (
	OpInvalid       Op = 0
	OpRequest       Op = 1
	OpResponse      Op = 2
	OpReset         Op = 3
	OpShutdown      Op = 4
	OpData          Op = 5
	OpCreditUpdate  Op = 6
	OpCreditRequest Op = 7
)

// Flags of an OpShutdown packet: what the sender will do no more.
const (
	ShutdownReceive = 1
	ShutdownSend    = 2
	ShutdownBoth    = ShutdownReceive | ShutdownSend
)

// EventTransportReset tells the driver that every connection is gone and
// that the guest's CID may have changed (virtio 1.3, section 5.10.6.7).
const EventTransportReset = 0

// Header is a packet header. The zero value is no valid packet.
type Header struct {
	SrcCID   uint64
	DstCID   uint64
	SrcPort  uint32
	DstPort  uint32
	Len      uint32 // payload bytes
	Type     uint16
	Op       Op
	Flags    uint32
	BufAlloc uint32 // bytes of receive buffer that the sender has in all
	FwdCnt   uint32 // bytes that the sender has taken out of it, modulo 2^32
}

// Decode reads a header from the first HeaderSize bytes of b. It panics when
// b is shorter.
func Decode(b []byte) Header {
	_ = b[HeaderSize-1]
	le := binary.LittleEndian
	return Header{
		SrcCID:   le.Uint64(b[0:]),
		DstCID:   le.Uint64(b[8:]),
		SrcPort:  le.Uint32(b[16:]),
		DstPort:  le.Uint32(b[20:]),
		Len:      le.Uint32(b[24:]),
		Type:     le.Uint16(b[28:]),
		Op:       Op(le.Uint16(b[30:])),
		Flags:    le.Uint32(b[32:]),
		BufAlloc: le.Uint32(b[36:]),
		FwdCnt:   le.Uint32(b[40:]),
	}
}

// Encode writes h to the first HeaderSize bytes of b. It panics when b is
// shorter.
func (h *Header) Encode(b []byte) {
	_ = b[HeaderSize-1]
	le := binary.LittleEndian
	le.PutUint64(b[0:], h.SrcCID)
	le.PutUint64(b[8:], h.DstCID)
	le.PutUint32(b[16:], h.SrcPort)
	le.PutUint32(b[20:], h.DstPort)
	le.PutUint32(b[24:], h.Len)
	le.PutUint16(b[28:], h.Type)
	le.PutUint16(b[30:], uint16(h.Op))
	le.PutUint32(b[32:], h.Flags)
	le.PutUint32(b[36:], h.BufAlloc)
	le.PutUint32(b[40:], h.FwdCnt)
}
