package stdio

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

// outputSession is one connection that carries an Output.
type outputSession struct {
	conn net.Conn
	// at is the offset of the next byte to send, under the Output's lock.
	at int64
	// stopped, under the Output's lock: another session took over, or the
	// connection is broken.
	stopped bool
	header  [guestwire.FrameHeaderSize]byte
}

// piece is what a session sends next: lost bytes, data, or the end.
type piece struct {
	lost  int64
	data  []byte
	ended bool
	chunk *chunk
}

// Serve answers a stream request on conn for the bytes from offset on, and
// sends them until the stream has ended and the client closes, the connection
// breaks, or another Serve takes over. r reads from conn; what it holds after
// the request are acknowledgements. conn is closed on return.
func (o *Output) Serve(conn net.Conn, r *bufio.Reader, offset int64) error {
	defer func() { _ = conn.Close() }()
	s := &outputSession{conn: conn}
	reply, err := o.attach(s, offset)
	if err != nil {
		return refuse(conn, err)
	}
	defer o.stop(s)
	if err := guestwire.WriteLine(conn, reply); err != nil {
		return err
	}
	acks := make(chan error, 1)
	go func() { acks <- o.readAcks(s, r) }()
	err = o.send(s)
	if err != nil {
		o.stop(s)
	}
	return errors.Join(err, <-acks)
}

// attach makes s the Output's session.
func (o *Output) attach(s *outputSession, offset int64) (guestwire.StreamReply, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return guestwire.StreamReply{}, apierr.New(apierr.NotFound, "stream_not_found", "the process was deleted, and its output with it")
	}
	if offset < 0 || offset > o.Written {
		return guestwire.StreamReply{}, apierr.New(apierr.InvalidArgument, "offset_out_of_range",
			"offset %d is beyond the stream, which has %d bytes so far", offset, o.Written).At("/offset")
	}
	s.at = max(offset, o.Oldest)
	o.replaceLocked(s)
	return guestwire.StreamReply{Offset: s.at, Lost: s.at - offset}, nil
}

// replaceLocked stops the present session, if any, in favour of s.
func (o *Output) replaceLocked(s *outputSession) {
	if old := o.session; old != nil {
		old.stopped = true
		_ = old.conn.Close()
	}
	o.session = s
	o.changed.Broadcast()
}

// stop ends s, if it is not replaced already.
func (o *Output) stop(s *outputSession) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.session == s {
		o.replaceLocked(nil)
	}
}

func (o *Output) readAcks(s *outputSession, r *bufio.Reader) error {
	defer o.stop(s)
	for {
		offset, err := guestwire.ReadAck(r)
		if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err == nil {
			err = o.ack(s, offset)
		}
		if err != nil {
			return err
		}
	}
}

// ack frees all bytes before offset, if s is still the session.
func (o *Output) ack(s *outputSession, offset int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.session != s {
		return nil
	}
	if offset > s.at {
		return apierr.New(apierr.InvalidArgument, "offset_out_of_range",
			"offset %d was acknowledged, but only %d bytes were sent", offset, s.at)
	}
	if offset > o.Oldest {
		o.forgetLocked(offset)
	}
	return nil
}

// send sends pieces until the end or until s is stopped.
func (o *Output) send(s *outputSession) error {
	raw := rawConn(s.conn)
	for {
		p, ok := o.next(s)
		if !ok {
			return nil
		}
		var err error
		switch {
		case p.lost > 0:
			_, err = s.conn.Write(guestwire.LostFrame(p.lost))
		case p.ended:
			return finish(s.conn)
		default:
			guestwire.PutDataHeader(s.header[:], len(p.data))
			err = writeBoth(s.conn, raw, s.header[:], p.data)
			o.release(p.chunk)
		}
		if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// next waits for s's next piece. It returns false when s is stopped.
func (o *Output) next(s *outputSession) (piece, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !s.stopped {
		switch {
		case s.at < o.Oldest:
			lost := o.Oldest - s.at
			s.at = o.Oldest
			return piece{lost: lost}, true
		case s.at < o.Written:
			return o.viewLocked(s), true
		case o.Ended:
			return piece{ended: true}, true
		}
		o.changed.Wait()
	}
	return piece{}, false
}

// viewLocked returns the rest of the chunk that holds s.at.
func (o *Output) viewLocked(s *outputSession) piece {
	i := 0
	for o.chunks[i].end() <= s.at {
		i++
	}
	c := o.chunks[i]
	c.refs++
	data := c.buf[s.at-c.start:]
	s.at = c.end()
	return piece{data: data, chunk: c}
}

// release ends the use of a view.
func (o *Output) release(c *chunk) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c.refs--
	o.pool.freeIfUnused(c)
}

// finish sends the end frame and closes the sending direction.
func finish(conn net.Conn) error {
	if err := guestwire.WriteEnd(conn); err != nil {
		return err
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// refuse answers with a problem and returns err.
func refuse(conn net.Conn, err error) error {
	problem := apierr.ToProblem(err)
	return errors.Join(err, guestwire.WriteLine(conn, guestwire.StreamReply{Problem: &problem}))
}

// rawConn returns conn's descriptor access, nil where it has none.
func rawConn(conn net.Conn) syscall.RawConn {
	if sc, ok := conn.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}

// writeBoth sends a header and its payload with one system call where conn
// has a descriptor, so that a small frame is one packet and a large one is
// not copied.
func writeBoth(conn net.Conn, raw syscall.RawConn, header, payload []byte) error {
	if raw == nil {
		_, err := (&net.Buffers{header, payload}).WriteTo(conn)
		return err
	}
	var writeErr error
	err := raw.Write(func(fd uintptr) bool {
		for len(payload) > 0 {
			n, err := unix.Writev(int(fd), [][]byte{header, payload})
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				writeErr = err
				return !errors.Is(err, unix.EAGAIN)
			}
			fromHeader := min(n, len(header))
			header, payload = header[fromHeader:], payload[n-fromHeader:]
		}
		writeErr = nil
		return true
	})
	return errors.Join(err, writeErr)
}
