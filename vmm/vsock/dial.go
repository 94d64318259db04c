// Package vsock connects to a port of a guest through the hybrid-vsock socket
// of its VMM.
//
// The protocol is that of Cloud Hypervisor and Firecracker: connect to the
// device's unix socket, send "CONNECT <port>\n", read "OK <n>\n"; from then
// on the connection carries the stream's bytes, and closing one side for
// writing is passed on. The VMM has no way to say why it refuses: a port that
// nobody listens on, a guest whose driver is not up and a timeout (2 s) all
// show as end of file, which [Dial] returns as [ErrRefused].
package vsock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// DialFunc opens a connection to the device's unix socket.
type DialFunc func(ctx context.Context) (net.Conn, error)

// ErrRefused tells that the guest did not accept the connection: nobody
// listens on the port, or not yet.
var ErrRefused = errors.New("the guest refused the connection")

// ErrHandshake tells that the other side does not speak the protocol.
var ErrHandshake = errors.New("not a hybrid-vsock socket")

// Addr is the address of a guest's port.
type Addr uint32

// Network returns "vsock".
func (Addr) Network() string { return "vsock" }

// String returns "guest:<port>".
func (a Addr) String() string { return "guest:" + strconv.FormatUint(uint64(a), 10) }

const (
	// maxReply bounds the reply line: "OK 4294967295\n" has 14 bytes.
	maxReply = 32
	// Pauses between attempts of DialRetry.
	firstRetry = 5 * time.Millisecond
	lastRetry  = 100 * time.Millisecond
)

// Dial connects to port of the guest. Errors are *net.OpError with the
// address of the port; they wrap ErrRefused, ErrHandshake, the error of dial
// or that of ctx, whose deadline and cancellation bound the whole handshake.
//
// The connection passes on whatever dial returned, CloseWrite included, and
// its CloseWrite fails with syscall.ENOTSUP where that has none.
func Dial(ctx context.Context, dial DialFunc, port uint32) (net.Conn, error) {
	conn, err := dial(ctx)
	if err != nil {
		return nil, opError(port, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err = handshake(conn, port)
	// A stop that comes too late may leave the past deadline on the
	// connection, so such a connection is not handed out.
	if !stop() {
		err = errors.Join(context.Cause(ctx), err)
	}
	if err != nil {
		_ = conn.Close()
		return nil, opError(port, err)
	}
	return &Conn{Conn: conn, port: Addr(port)}, nil
}

// DialRetry is Dial for a guest that may still boot: it tries again, with
// growing pauses, while the guest refuses or the socket does not exist yet.
// It returns the last error when ctx is done.
func DialRetry(ctx context.Context, dial DialFunc, port uint32) (net.Conn, error) {
	pause := firstRetry
	for {
		conn, err := Dial(ctx, dial, port)
		if err == nil || !Temporary(err) || ctx.Err() != nil {
			return conn, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		case <-timer.C:
		}
		pause = min(2*pause, lastRetry)
	}
}

// Temporary reports whether err is what a guest or VMM that is still starting
// gives: a refusal, or a socket that is missing or has no listener.
func Temporary(err error) bool {
	return errors.Is(err, ErrRefused) || errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED)
}

// handshake asks for port and reads the reply. It takes not one byte more
// than the reply's line, because the guest may speak first.
func handshake(conn net.Conn, port uint32) error {
	if _, err := fmt.Fprintf(conn, "CONNECT %d\n", port); err != nil {
		return refusal(err)
	}
	line := make([]byte, 0, maxReply)
	for len(line) < maxReply {
		next := line[len(line) : len(line)+1]
		n, err := conn.Read(next)
		if n == 1 && next[0] == '\n' {
			return checkReply(string(line))
		}
		line = line[:len(line)+n]
		if err != nil {
			return refusal(err)
		}
	}
	return fmt.Errorf("%w: the reply begins with %q", ErrHandshake, line)
}

// refusal returns ErrRefused for the ways in which a closed socket shows.
func refusal(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return ErrRefused
	}
	return err
}

// checkReply accepts "OK <port>".
func checkReply(line string) error {
	port, ok := strings.CutPrefix(line, "OK ")
	if !ok {
		return fmt.Errorf("%w: the reply is %q", ErrHandshake, line)
	}
	if _, err := strconv.ParseUint(port, 10, 32); err != nil {
		return fmt.Errorf("%w: the reply is %q", ErrHandshake, line)
	}
	return nil
}

// Conn is a stream to a port of a guest.
type Conn struct {
	net.Conn
	port Addr
}

// RemoteAddr returns the guest's port as an [Addr].
func (c *Conn) RemoteAddr() net.Addr { return c.port }

// CloseWrite tells the guest that no more bytes come; reading goes on.
func (c *Conn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return opError(uint32(c.port), syscall.ENOTSUP)
	}
	return half.CloseWrite()
}

func opError(port uint32, err error) error {
	return &net.OpError{Op: "dial", Net: "vsock", Addr: Addr(port), Err: err}
}
