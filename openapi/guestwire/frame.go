package guestwire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	// FrameHeaderSize is the length of a frame's header, in bytes.
	FrameHeaderSize = 8
	// MaxFrameSize bounds a frame, header included, in bytes: the largest
	// vsock packet, so that a full frame travels as one.
	MaxFrameSize = 64 << 10
	// MaxPayloadSize bounds a data frame's payload, in bytes.
	MaxPayloadSize = MaxFrameSize - FrameHeaderSize
	// AckSize is the length of an acknowledgement, in bytes.
	AckSize = 8
)

// Kind is the kind of a frame.
type Kind byte

const (
	// Data carries the stream's next bytes.
	Data Kind = 1
	// Lost says in 8 bytes, big-endian, how many bytes were dropped here.
	Lost Kind = 2
	// End says that the stream has ended. It has no payload.
	End Kind = 3
	// Ack says in 8 bytes, big-endian, how many bytes its sender has taken so
	// far. It is on connections to ports alone, see Duplex.
	Ack Kind = 4
)

// numberSize is the payload length of a Lost and an Ack frame, in bytes.
const numberSize = 8

// ErrBadFrame is wrapped by every error about a malformed frame.
var ErrBadFrame = errors.New("guestwire: bad frame")

// PutDataHeader writes the header of a Data frame of n payload bytes to the
// first FrameHeaderSize bytes of b. n must be at most MaxPayloadSize.
func PutDataHeader(b []byte, n int) { putHeader(b, Data, n) }

// EndFrame returns a whole End frame.
func EndFrame() []byte {
	b := make([]byte, FrameHeaderSize)
	putHeader(b, End, 0)
	return b
}

// LostFrame returns a whole Lost frame for n bytes.
func LostFrame(n int64) []byte { return numberFrame(Lost, n) }

// AckFrame returns a whole Ack frame for n bytes.
func AckFrame(n int64) []byte { return numberFrame(Ack, n) }

func numberFrame(kind Kind, n int64) []byte {
	b := make([]byte, FrameHeaderSize, FrameHeaderSize+numberSize)
	putHeader(b, kind, numberSize)
	return binary.BigEndian.AppendUint64(b, uint64(n))
}

func putHeader(b []byte, kind Kind, n int) {
	binary.BigEndian.PutUint32(b, uint32(kind)<<24)
	binary.BigEndian.PutUint32(b[4:], uint32(n))
}

// Frame is what FrameReader.Next found.
type Frame struct {
	// Kind is the frame's kind.
	Kind Kind
	// Lost is the number of bytes that a Lost frame reports.
	Lost int64
	// Taken is the number of bytes that an Ack frame reports.
	Taken int64
	// Data is the payload of a Data frame. It is valid until the next call.
	Data []byte
}

// FrameReader reads frames. It is not safe for concurrent use.
type FrameReader struct {
	r      io.Reader
	acks   bool // whether Ack frames are in place
	header [FrameHeaderSize]byte
	number [numberSize]byte
	buf    []byte
}

// NewFrameReader returns a FrameReader on r, which should be buffered.
func NewFrameReader(r io.Reader) *FrameReader { return &FrameReader{r: r} }

// Next returns the next frame. Its error is io.EOF where r ended between two
// frames, which means a cut connection unless an End frame came before;
// io.ErrUnexpectedEOF within one; and wraps ErrBadFrame where the bytes are
// no frame, after which the connection is of no more use.
func (f *FrameReader) Next() (Frame, error) {
	if _, err := io.ReadFull(f.r, f.header[:]); err != nil {
		return Frame{}, err
	}
	kind, n, err := parseHeader(f.header)
	if err != nil {
		return Frame{}, err
	}
	switch kind {
	case Lost, Ack:
		return f.readNumber(kind)
	case End:
		return Frame{Kind: End}, nil
	default:
		return f.readData(n)
	}
}

// Release gives the payload buffer back. A reader that waits long for its
// next frame calls it so as not to hold MaxPayloadSize bytes meanwhile.
func (f *FrameReader) Release() { f.buf = nil }

func (f *FrameReader) readNumber(kind Kind) (Frame, error) {
	if (kind == Ack) != f.acks {
		return Frame{}, fmt.Errorf("%w: kind %d is out of place", ErrBadFrame, kind)
	}
	if _, err := io.ReadFull(f.r, f.number[:]); err != nil {
		return Frame{}, unexpected(err)
	}
	n := int64(binary.BigEndian.Uint64(f.number[:]))
	if n <= 0 {
		return Frame{}, fmt.Errorf("%w: kind %d for %d bytes", ErrBadFrame, kind, n)
	}
	if kind == Ack {
		return Frame{Kind: Ack, Taken: n}, nil
	}
	return Frame{Kind: Lost, Lost: n}, nil
}

func (f *FrameReader) readData(n int) (Frame, error) {
	if cap(f.buf) < n {
		f.buf = make([]byte, n)
	}
	f.buf = f.buf[:n]
	if _, err := io.ReadFull(f.r, f.buf); err != nil {
		return Frame{}, unexpected(err)
	}
	return Frame{Kind: Data, Data: f.buf}, nil
}

// parseHeader returns a header's kind and payload length, both checked.
func parseHeader(h [FrameHeaderSize]byte) (Kind, int, error) {
	kind, n := Kind(h[0]), binary.BigEndian.Uint32(h[4:])
	if h[1]|h[2]|h[3] != 0 {
		return 0, 0, fmt.Errorf("%w: header % x", ErrBadFrame, h)
	}
	var ok bool
	switch kind {
	case Data:
		ok = n > 0 && n <= MaxPayloadSize
	case Lost, Ack:
		ok = n == numberSize
	case End:
		ok = n == 0
	}
	if !ok {
		return 0, 0, fmt.Errorf("%w: kind %d with %d bytes", ErrBadFrame, kind, n)
	}
	return kind, int(n), nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// WriteData sends p as Data frames, each with a single Write, and returns how
// many bytes of p were sent in whole frames.
func WriteData(w io.Writer, p []byte) (int, error) {
	frame := make([]byte, FrameHeaderSize+min(len(p), MaxPayloadSize))
	sent := 0
	for sent < len(p) {
		n := copy(frame[FrameHeaderSize:], p[sent:])
		PutDataHeader(frame, n)
		if _, err := w.Write(frame[:FrameHeaderSize+n]); err != nil {
			return sent, err
		}
		sent += n
	}
	return sent, nil
}

// WriteEnd sends an End frame.
func WriteEnd(w io.Writer) error {
	_, err := w.Write(EndFrame())
	return err
}

// WriteAck acknowledges every byte before offset.
func WriteAck(w io.Writer, offset int64) error {
	_, err := w.Write(binary.BigEndian.AppendUint64(nil, uint64(offset)))
	return err
}

// ReadAck reads one acknowledgement. A negative offset wraps ErrBadFrame.
func ReadAck(r io.Reader) (int64, error) {
	var b [AckSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, err
	}
	offset := int64(binary.BigEndian.Uint64(b[:]))
	if offset < 0 {
		return 0, fmt.Errorf("%w: acknowledged offset %d", ErrBadFrame, offset)
	}
	return offset, nil
}
