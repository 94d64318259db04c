package guestclient

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

const (
	// openTimeout bounds the opening of a stream.
	openTimeout = 30 * time.Second
	// writeTimeout bounds one write to a guest, which must take in what it is
	// sent: acknowledgements, and stdin within its window.
	writeTimeout = 30 * time.Second
	// maxOffset bounds a stream's length, so that no sum of offsets overflows.
	maxOffset = 1 << 60
	// ackEvery bounds what is not acknowledged although it could be, in bytes.
	ackEvery = 128 << 10
	// streamBuffer is the read buffer of a stream connection, in bytes. Large
	// reads go past it.
	streamBuffer = 1 << 10
)

// ErrProtocol is wrapped by errors about a guest that breaks the stream
// protocol.
var ErrProtocol = errors.New("the guest breaks the stream protocol")

// Process names a process in a guest: a container's first, or an exec.
type Process struct {
	Container string
	// Exec is empty for the container's first process.
	Exec string
}

// Piece is a piece of an output stream.
type Piece struct {
	// Lost counts the bytes dropped before Data.
	Lost int64
	// Data is valid until the next call of Next. It may be empty.
	Data []byte
}

// Output is an open output stream. It is for one goroutine.
type Output struct {
	conn   net.Conn
	unbind func() bool
	in     *bufio.Reader
	frames *guestwire.FrameReader
	offset int64
	acked  int64
	lost   int64 // not yet returned by Next
}

// OpenOutput opens stream (guestwire.Stdout or Stderr) of p at offset, in
// bytes since the process's start. What is before offset must be safe here: it
// is acknowledged, as an earlier connection may have been cut before its last
// acknowledgement arrived, and a full guest would wait for it forever. When ctx
// ends, the stream is cut.
//
// Errors: container_not_found, exec_not_found, stream_not_found,
// offset_out_of_range, stale_epoch, guest_unreachable.
func (c *Client) OpenOutput(ctx context.Context, p Process, stream string, offset int64) (*Output, error) {
	conn, in, reply, err := c.openStream(ctx, p, stream, offset)
	if err != nil {
		return nil, err
	}
	if reply.Lost < 0 || reply.Offset != offset+reply.Lost || reply.Offset > maxOffset {
		_ = conn.Close()
		return nil, fmt.Errorf("%w: asked for offset %d, got %d with %d lost", ErrProtocol, offset, reply.Offset, reply.Lost)
	}
	out := &Output{
		conn: conn, in: in, frames: guestwire.NewFrameReader(in),
		unbind: context.AfterFunc(ctx, func() { _ = conn.Close() }),
		offset: offset, lost: reply.Lost,
	}
	if offset > 0 {
		_ = out.acknowledge() // a connection that is cut already shows in Next
	}
	return out, nil
}

// openStream opens a stream of a process.
func (c *Client) openStream(ctx context.Context, p Process, stream string, offset int64) (net.Conn, *bufio.Reader, guestwire.StreamReply, error) {
	return c.openConn(ctx, guestwire.StreamRequest{Container: p.Container, Exec: p.Exec, Stream: stream, Offset: offset})
}

// openConn dials the stream port and exchanges the first lines.
func (c *Client) openConn(ctx context.Context, req guestwire.StreamRequest) (net.Conn, *bufio.Reader, guestwire.StreamReply, error) {
	req.Epoch = c.epoch
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	conn, err := c.dial(ctx, guestwire.StreamPort)
	if err != nil {
		return nil, nil, guestwire.StreamReply{}, unreachable(err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	in := bufio.NewReaderSize(conn, streamBuffer)
	reply, err := greet(conn, in, req)
	if !stop() && err == nil {
		err = unreachable(ctx.Err())
	}
	if err != nil {
		_ = conn.Close()
		return nil, nil, guestwire.StreamReply{}, err
	}
	return conn, in, reply, nil
}

func greet(conn net.Conn, in *bufio.Reader, req guestwire.StreamRequest) (guestwire.StreamReply, error) {
	if err := guestwire.WriteLine(conn, req); err != nil {
		return guestwire.StreamReply{}, unreachable(err)
	}
	reply, err := guestwire.ReadReply(in)
	var refused *apierr.Error
	switch {
	case errors.As(err, &refused):
		return reply, fromGuest(refused)
	case err != nil:
		return reply, unreachable(err)
	}
	return reply, nil
}

// Next returns the next piece, or io.EOF when the stream has ended. Any other
// error means that the connection was cut: open the stream again.
func (o *Output) Next() (Piece, error) {
	if o.lost > 0 {
		return o.take(Piece{Lost: o.lost})
	}
	if o.in.Buffered() == 0 {
		o.frames.Release()
	}
	frame, err := o.frames.Next()
	switch {
	case errors.Is(err, io.EOF):
		return Piece{}, io.ErrUnexpectedEOF
	case errors.As(err, new(*net.OpError)):
		return Piece{}, unreachable(err)
	case err != nil:
		return Piece{}, err
	case frame.Kind == guestwire.End:
		return Piece{}, io.EOF
	}
	return o.take(Piece{Lost: frame.Lost, Data: frame.Data})
}

// take advances the offset over p.
func (o *Output) take(p Piece) (Piece, error) {
	o.lost = 0
	if p.Lost > maxOffset || o.offset+p.Lost+int64(len(p.Data)) > maxOffset {
		return Piece{}, fmt.Errorf("%w: offset beyond %d", ErrProtocol, int64(maxOffset))
	}
	o.offset += p.Lost + int64(len(p.Data))
	return p, nil
}

// Ack tells the guest that everything that Next has returned is safe here, so
// that the guest may free it. While more is waiting to be read it puts that
// off, up to ackEvery bytes.
func (o *Output) Ack() error {
	if o.in.Buffered() > 0 && o.offset-o.acked < ackEvery {
		return nil
	}
	return o.acknowledge()
}

func (o *Output) acknowledge() error {
	o.acked = o.offset
	if err := o.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if err := guestwire.WriteAck(o.conn, o.offset); err != nil {
		return unreachable(err)
	}
	return nil
}

// Close closes the connection. The guest keeps what was not acknowledged.
func (o *Output) Close() error {
	o.unbind()
	return o.conn.Close()
}
