// Package control runs shell commands in the emulated compute host for tests:
// kill a daemon, list processes, run a test binary.
//
// One connection is one command. The caller sends the script's length and the
// script, then the command's standard input up to an end of file. It gets
// back chunks of output, each after its length, then a zero and the exit
// status. All numbers are big-endian and have 32 bits. A connection that breaks
// kills the command with all that it has started.
package control

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Port is the vsock port that the host listens on.
const Port = 1025

const (
	maxScript = 1 << 20
	maxChunk  = 1 << 20
)

// Conn is a stream whose directions end independently.
type Conn interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// Run runs script over conn, which it closes, and returns the exit status: 128
// and the signal's number where a signal ended it. stdin may be nil.
func Run(conn Conn, script string, stdin io.Reader, output io.Writer) (int, error) {
	defer func() { _ = conn.Close() }()
	if err := writeChunk(conn, []byte(script)); err != nil {
		return 0, fmt.Errorf("send script: %w", err)
	}
	sent := make(chan error, 1)
	go func() { sent <- feed(conn, stdin) }()
	status, err := receive(conn, output)
	if err != nil {
		return 0, errors.Join(err, conn.Close(), <-sent)
	}
	_ = conn.Close() // the command has ended: what it did not read is of no use
	<-sent
	return status, nil
}

func feed(conn Conn, stdin io.Reader) error {
	if stdin != nil {
		if _, err := io.Copy(conn, stdin); err != nil {
			return fmt.Errorf("send input: %w", err)
		}
	}
	return conn.CloseWrite()
}

// receive passes output on and returns the status that ends it.
func receive(r io.Reader, output io.Writer) (int, error) {
	for {
		n, err := readNumber(r)
		if err != nil {
			return 0, fmt.Errorf("receive output: %w", err)
		}
		if n == 0 {
			status, err := readNumber(r)
			return int(status), err
		}
		if n > maxChunk {
			return 0, fmt.Errorf("receive output: a chunk of %d bytes", n)
		}
		if _, err := io.CopyN(output, r, int64(n)); err != nil {
			return 0, fmt.Errorf("receive output: %w", err)
		}
	}
}

func readNumber(r io.Reader) (uint32, error) {
	var b [4]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, err
	}
	return binary.BigEndian.Uint32(b[:]), nil
}

func writeChunk(w io.Writer, data []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...))
	return err
}
