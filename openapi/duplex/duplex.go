// Package duplex joins two-way streams of bytes in the way of TCP: each
// direction ends by itself, and a stream that breaks off is told from one that
// has ended.
package duplex

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// Conn is a two-way stream of bytes.
type Conn interface {
	// Read implements io.Reader. io.EOF is the end of the other side's
	// direction; every other error means that the stream was broken off.
	io.Reader
	// Write implements io.Writer. It blocks while the other side does not read.
	io.Writer
	// CloseWrite ends our direction.
	CloseWrite() error
	// Close ends the stream. Where a direction has not ended before, it is
	// broken off, which the other side is told. It may be called again.
	Close() error
	// Broken is closed once the stream is known to have been broken off, also
	// while nobody reads. It may be nil.
	Broken() <-chan struct{}
}

// Join carries bytes between a and b until both directions have ended or one of
// them breaks off, which breaks off the other. It closes both.
func Join(a, b Conn) error {
	halves := make(chan error, 2)
	go func() { halves <- carry(a, b) }()
	go func() { halves <- carry(b, a) }()
	brokenA, brokenB := a.Broken(), b.Broken()
	var first error
	for ended := 0; ended < 2; {
		var err error
		select {
		case err = <-halves:
			ended++
		case <-brokenA:
			err, brokenA = io.ErrUnexpectedEOF, nil
		case <-brokenB:
			err, brokenB = io.ErrUnexpectedEOF, nil
		}
		if err != nil && first == nil {
			first = err
			_, _ = a.Close(), b.Close()
		}
	}
	_, _ = a.Close(), b.Close()
	return first
}

// carry carries bytes from src to dst until src has ended, and the end.
func carry(dst, src Conn) error {
	if _, err := io.Copy(dst, src); err != nil {
		return err
	}
	return dst.CloseWrite()
}

// TCP is a TCP connection as a Conn: one that is broken off is reset.
type TCP struct {
	conn             *net.TCPConn
	inEnded, outEnds atomic.Bool
}

var _ Conn = (*TCP)(nil)

// OverTCP returns conn as a Conn.
func OverTCP(conn *net.TCPConn) *TCP { return &TCP{conn: conn} }

// Read implements Conn.
func (t *TCP) Read(p []byte) (int, error) {
	n, err := t.conn.Read(p)
	if errors.Is(err, io.EOF) {
		t.inEnded.Store(true)
	}
	return n, err
}

// Write implements Conn.
func (t *TCP) Write(p []byte) (int, error) { return t.conn.Write(p) }

// CloseWrite implements Conn.
func (t *TCP) CloseWrite() error {
	t.outEnds.Store(true)
	return t.conn.CloseWrite()
}

// Close implements Conn.
func (t *TCP) Close() error {
	if !t.inEnded.Load() || !t.outEnds.Load() {
		// It may be closed already, which is as good.
		_ = t.conn.SetLinger(0)
	}
	return t.conn.Close()
}

// Broken implements Conn: a reset shows in Read and Write alone.
func (t *TCP) Broken() <-chan struct{} { return nil }

// dialTimeout bounds how long a program on this machine may take to have a
// place for a connection.
const dialTimeout = 10 * time.Second

// DialLoopback connects to a TCP port of this machine's loopback addresses,
// 127.0.0.1 first and then ::1. Errors: connection_refused, connection_failed.
func DialLoopback(ctx context.Context, port int) (*TCP, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	var first error
	for _, address := range []string{"127.0.0.1", "::1"} {
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(address, strconv.Itoa(port)))
		if err == nil {
			return OverTCP(conn.(*net.TCPConn)), nil
		}
		if first == nil {
			first = err
		}
	}
	if errors.Is(first, syscall.ECONNREFUSED) {
		return nil, apierr.New(apierr.FailedPrecondition, "connection_refused",
			"nothing listens on TCP port %d of the container's 127.0.0.1 and ::1; start what serves it, or have it listen there", port)
	}
	return nil, apierr.New(apierr.FailedPrecondition, "connection_failed",
		"TCP port %d of the container's 127.0.0.1 takes no connection: %w; see what listens there with `cardctl exec`", port, first)
}
