package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/vhostvsock/guestmem"
)

// ErrAgain is returned by Conn.Read on a non-blocking socket that holds no
// whole message yet.
var ErrAgain = errors.New("no whole message yet")

// Conn reads and writes messages on a UNIX stream socket. It is for one
// goroutine and does not own the socket.
type Conn struct {
	fd  int
	msg Message
	buf [headerSize + MaxPayload]byte
	n   int // bytes of the current message in buf
	fds []int
	oob []byte
}

// NewConn returns a Conn over the connected socket fd.
func NewConn(fd int) *Conn {
	return &Conn{fd: fd, oob: make([]byte, unix.CmsgSpace(4*guestmem.MaxRegions))}
}

// Read returns the next message, valid until the next Read. The caller must
// take each descriptor that it keeps with TakeFD; the next Read or Close
// closes the others. It returns ErrAgain when the socket would block, io.EOF
// at a clean end, and an error that wraps ErrMalformed when the stream makes
// no sense.
func (c *Conn) Read() (*Message, error) {
	if c.n == 0 {
		c.closeFDs()
	}
	if err := c.fill(headerSize); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	c.msg.Request = Request(le.Uint32(c.buf[0:]))
	c.msg.Flags = le.Uint32(c.buf[4:])
	size := le.Uint32(c.buf[8:])
	if c.msg.Flags&versionMask != Version || c.msg.Flags&^knownFlags != 0 {
		return nil, fmt.Errorf("%w: %v has flags %#x", ErrMalformed, c.msg.Request, c.msg.Flags)
	}
	if size > MaxPayload {
		return nil, fmt.Errorf("%w: %v has %d bytes of payload", ErrMalformed, c.msg.Request, size)
	}
	if err := c.fill(headerSize + int(size)); err != nil {
		return nil, err
	}
	c.msg.Payload = c.buf[headerSize:c.n]
	c.msg.FDs = c.fds
	c.n = 0
	return &c.msg, nil
}

// fill reads until buf holds the first want bytes of the current message.
func (c *Conn) fill(want int) error {
	for c.n < want {
		n, oobn, flags, _, err := unix.Recvmsg(c.fd, c.buf[c.n:want], c.oob, unix.MSG_CMSG_CLOEXEC)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return ErrAgain
		case err != nil:
			return fmt.Errorf("receive from the front-end: %w", err)
		}
		// Descriptors first: they are ours to close from now on.
		if err := c.takeRights(c.oob[:oobn]); err != nil {
			return err
		}
		if flags&unix.MSG_CTRUNC != 0 {
			return fmt.Errorf("%w: more than %d descriptors", ErrMalformed, guestmem.MaxRegions)
		}
		if n == 0 && c.n == 0 {
			return io.EOF
		}
		if n == 0 {
			return io.ErrUnexpectedEOF
		}
		c.n += n
	}
	return nil
}

func (c *Conn) takeRights(oob []byte) error {
	if len(oob) == 0 {
		return nil
	}
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return fmt.Errorf("%w: control message: %w", ErrMalformed, err)
	}
	for i := range msgs {
		fds, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			continue // credentials and the like: of no interest
		}
		c.fds = append(c.fds, fds...)
	}
	if len(c.fds) > guestmem.MaxRegions {
		return fmt.Errorf("%w: %d descriptors", ErrMalformed, len(c.fds))
	}
	return nil
}

// TakeFD makes the caller the owner of fd, a descriptor of the last message.
func (c *Conn) TakeFD(fd int) {
	for i, f := range c.fds {
		if f == fd {
			c.fds[i] = -1
		}
	}
}

func (c *Conn) closeFDs() {
	for _, fd := range c.fds {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
	c.fds = c.fds[:0]
}

// Close closes the descriptors that nobody took. It leaves the socket open.
func (c *Conn) Close() { c.closeFDs() }

// Write sends one message with descriptors. It fails rather than wait when a
// non-blocking socket is full: no well-behaved peer lets replies pile up.
func (c *Conn) Write(r Request, flags uint32, payload []byte, fds ...int) error {
	b := make([]byte, headerSize, headerSize+len(payload))
	le := binary.LittleEndian
	le.PutUint32(b[0:], uint32(r))
	le.PutUint32(b[4:], flags|Version)
	le.PutUint32(b[8:], uint32(len(payload)))
	b = append(b, payload...)
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	for {
		n, err := unix.SendmsgN(c.fd, b, oob, nil, unix.MSG_NOSIGNAL)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("send %v: %w", r, err)
		case n != len(b):
			return fmt.Errorf("send %v: %w", r, io.ErrShortWrite)
		}
		return nil
	}
}

// Reply sends the answer to m.
func (c *Conn) Reply(m *Message, payload []byte) error {
	return c.Write(m.Request, FlagReply, payload)
}
