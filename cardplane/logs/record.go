package logs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/cardplane/cardplane/cardplane"
)

// kind is the type of a record.
type kind uint8

const (
	kindStdout kind = iota + 1
	kindStderr
	kindRunBegin
	kindRunEnd
	kindCheckpoint
)

// Sizes in bytes.
const (
	headerSize  = 36
	trailerSize = 4
	// maxData bounds a record's data. Longer appends are split.
	maxData = 256 << 10
	// maxOffset bounds a stream's length.
	maxOffset = 1 << 60
)

// errTorn says that no whole record is at a position.
var errTorn = errors.New("torn record")

// header is the fixed part of a record.
type header struct {
	kind   kind
	length uint32    // of the data
	time   time.Time // when the card received it
	lost   int64     // bytes dropped just before the data
	offset int64     // of the data's first byte in its stream
}

func kindOf(s cardplane.Stream) kind {
	if s == cardplane.Stderr {
		return kindStderr
	}
	return kindStdout
}

func (k kind) isOutput() bool { return k == kindStdout || k == kindStderr }

func (k kind) stream() cardplane.Stream {
	if k == kindStderr {
		return cardplane.Stderr
	}
	return cardplane.Stdout
}

// size is the length of the whole record.
func (h header) size() int64 { return headerSize + int64(h.length) + trailerSize }

// appendRecord appends the encoded record to buf.
func appendRecord(buf []byte, h header, data []byte) []byte {
	start := len(buf)
	h.length = uint32(len(data))
	buf = append(buf, 0, 0, 0, 0, byte(h.kind), 0, 0, 0)
	buf = binary.LittleEndian.AppendUint32(buf, h.length)
	buf = binary.LittleEndian.AppendUint64(buf, uint64(h.time.UnixNano()))
	buf = binary.LittleEndian.AppendUint64(buf, uint64(h.lost))
	buf = binary.LittleEndian.AppendUint64(buf, uint64(h.offset))
	buf = append(buf, data...)
	buf = binary.LittleEndian.AppendUint32(buf, uint32(h.size()))
	binary.LittleEndian.PutUint32(buf[start:], crc32.ChecksumIEEE(buf[start+4:]))
	return buf
}

// readHeader reads and checks the header at pos, without the checksum.
func readHeader(r io.ReaderAt, pos int64) (header, error) {
	var raw [headerSize]byte
	if _, err := r.ReadAt(raw[:], pos); err != nil {
		return header{}, tornOr(err)
	}
	h := header{
		kind:   kind(raw[4]),
		length: binary.LittleEndian.Uint32(raw[8:]),
		time:   time.Unix(0, int64(binary.LittleEndian.Uint64(raw[12:]))).UTC(),
		lost:   int64(binary.LittleEndian.Uint64(raw[20:])),
		offset: int64(binary.LittleEndian.Uint64(raw[28:])),
	}
	if h.kind < kindStdout || h.kind > kindCheckpoint || h.length > maxData || h.lost < 0 || h.offset < 0 || h.offset > maxOffset {
		return header{}, errTorn
	}
	return h, nil
}

// readRecord reads the record at pos into buf, which it may grow, and checks
// it wholly. data is within the returned buffer.
func readRecord(r io.ReaderAt, pos int64, buf []byte) (h header, data, grown []byte, err error) {
	if h, err = readHeader(r, pos); err != nil {
		return h, nil, buf, err
	}
	if int64(cap(buf)) < h.size() {
		buf = make([]byte, h.size())
	}
	buf = buf[:h.size()]
	if _, err := r.ReadAt(buf, pos); err != nil {
		return h, nil, buf, tornOr(err)
	}
	sum := binary.LittleEndian.Uint32(buf)
	trailer := binary.LittleEndian.Uint32(buf[len(buf)-trailerSize:])
	if sum != crc32.ChecksumIEEE(buf[4:]) || int64(trailer) != h.size() {
		return h, nil, buf, errTorn
	}
	return h, buf[headerSize : headerSize+int(h.length)], buf, nil
}

// sizeBefore returns the size of the record that ends at end.
func sizeBefore(r io.ReaderAt, end int64) (int64, error) {
	var raw [trailerSize]byte
	if end < headerSize+trailerSize {
		return 0, errTorn
	}
	if _, err := r.ReadAt(raw[:], end-trailerSize); err != nil {
		return 0, tornOr(err)
	}
	size := int64(binary.LittleEndian.Uint32(raw[:]))
	if size < headerSize+trailerSize || size > end {
		return 0, errTorn
	}
	return size, nil
}

func tornOr(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTorn
	}
	return fmt.Errorf("read journal: %w", err)
}
