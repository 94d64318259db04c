package guestclient

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
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
	ackEvery = 256 << 10
	// ackDelay is how long a stream pauses before that is acknowledged all the
	// same. Each acknowledgement wakes the guest's agent, which costs a stream
	// that flows as much as its bytes.
	ackDelay = 5 * time.Millisecond
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
	offset int64 // after what Next has returned
	safe   int64 // what Ack was last called at
	acked  int64 // what the guest was told, at most safe
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
	if out.safe = offset; offset > 0 {
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
	if err := o.pause(); err != nil {
		return Piece{}, unreachable(err)
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
		_ = o.acknowledge() // all is here, whether or not the guest learns it
		return Piece{}, io.EOF
	}
	return o.take(Piece{Lost: frame.Lost, Data: frame.Data})
}

// pause waits a while for the next frame. Where none comes, the guest learns
// what is safe, and no memory is held for the frame.
func (o *Output) pause() error {
	if o.in.Buffered() > 0 {
		return nil
	}
	err := o.conn.SetReadDeadline(time.Now().Add(ackDelay))
	if err == nil {
		_, err = o.in.Peek(1)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		o.frames.Release()
		err = o.acknowledge()
	case err != nil:
		return nil // the next read tells of it
	}
	return errors.Join(err, o.conn.SetReadDeadline(time.Time{}))
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

// Ack says that everything that Next has returned is safe here, so that the
// guest may free it. The guest is told once that is much, once nothing more
// comes for a while, and at the stream's end.
func (o *Output) Ack() error {
	o.safe = o.offset
	if o.safe-o.acked < ackEvery {
		return nil
	}
	return o.acknowledge()
}

// AckNow is Ack that tells the guest at once, for what the next connection must
// not get again.
func (o *Output) AckNow() error {
	o.safe = o.offset
	return o.acknowledge()
}

// acknowledge tells the guest what is safe, if it does not know.
func (o *Output) acknowledge() error {
	if o.acked == o.safe {
		return nil
	}
	if err := o.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if err := guestwire.WriteAck(o.conn, o.safe); err != nil {
		return unreachable(err)
	}
	o.acked = o.safe
	return nil
}

// Close closes the connection. The guest keeps what was not acknowledged.
func (o *Output) Close() error {
	o.unbind()
	return o.conn.Close()
}
