// Package netbench measures a TCP connection between two programs: bytes one
// way, and short requests and answers.
package netbench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// request is the length of a request, and of an answer, in bytes.
const request = 64

// chunk is how much the server writes at once, in bytes.
const chunk = 64 << 10

// Result is what a client has measured.
type Result struct {
	BytesPerSecond    float64
	RequestsPerSecond float64
}

// Serve answers clients until l is closed. A client says how many bytes it wants;
// then it gets each of its requests back.
func Serve(l net.Listener) error {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			_ = serve(conn) // who has gone is served
		}()
	}
}

func serve(conn net.Conn) error {
	var wanted uint64
	if err := binary.Read(conn, binary.BigEndian, &wanted); err != nil {
		return err
	}
	block := make([]byte, chunk)
	for left := int64(wanted); left > 0; left -= chunk {
		if _, err := conn.Write(block[:min(left, chunk)]); err != nil {
			return err
		}
	}
	for {
		if _, err := io.ReadFull(conn, block[:request]); err != nil {
			return err
		}
		if _, err := conn.Write(block[:request]); err != nil {
			return err
		}
	}
}

// Measure takes bytes from the server at address, and then makes requests one
// after another.
func Measure(address string, bytes int64, requests int) (r Result, err error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	begun := time.Now()
	if err := binary.Write(conn, binary.BigEndian, uint64(bytes)); err != nil {
		return r, err
	}
	if _, err := io.CopyN(io.Discard, conn, bytes); err != nil {
		return r, fmt.Errorf("take %d bytes: %w", bytes, err)
	}
	r.BytesPerSecond = float64(bytes) / time.Since(begun).Seconds()
	block := make([]byte, request)
	begun = time.Now()
	for range requests {
		if _, err := conn.Write(block); err != nil {
			return r, err
		}
		if _, err := io.ReadFull(conn, block); err != nil {
			return r, err
		}
	}
	r.RequestsPerSecond = float64(requests) / time.Since(begun).Seconds()
	return r, nil
}
