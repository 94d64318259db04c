package link

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

// zeroRun is the unit in which zeroes are not sent: what lies in a blob at a
// multiple of it, is as long (or ends the blob) and has no other byte.
const zeroRun = 256 << 10

var zeroes [zeroRun]byte

// source reads a blob from at up to the next zero run or its end. It remembers
// its own failure, to tell it from the connection's. The transport may still
// read it after the call has returned.
type source struct {
	mu      sync.Mutex
	r       io.ReaderAt
	at, end int64
	ahead   []byte // what was read to look for zeroes; it belongs at at
	err     error
}

// skipZeros moves past zero runs and returns how many bytes these were.
func (s *source) skipZeros() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := s.at
	for s.lookLocked() {
		s.at += int64(len(s.ahead))
		s.ahead = nil
	}
	return s.at - from
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lookLocked() {
		return 0, io.EOF
	}
	if s.err != nil {
		return 0, s.err
	}
	if len(s.ahead) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.ahead)
	s.ahead = s.ahead[n:]
	s.at += int64(n)
	return n, nil
}

// lookLocked reads ahead, to the next multiple of zeroRun, and reports whether
// a zero run is at at.
func (s *source) lookLocked() bool {
	if len(s.ahead) == 0 && s.at < s.end && s.err == nil {
		next := min((s.at/zeroRun+1)*zeroRun, s.end)
		s.ahead = make([]byte, next-s.at)
		if n, err := s.r.ReadAt(s.ahead, s.at); n < len(s.ahead) {
			s.ahead = nil
			s.err = err
			if errors.Is(err, io.EOF) {
				s.err = io.ErrUnexpectedEOF // the content is shorter than was said
			}
		}
	}
	return len(s.ahead) > 0 && s.at%zeroRun == 0 && bytes.Equal(s.ahead, zeroes[:len(s.ahead)])
}

func (s *source) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
