package stdio

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

// ackTimeout bounds how long an acknowledgement waits for a client that does
// not read.
const ackTimeout = 10 * time.Second

// Input is the standard input of a process.
type Input struct {
	// w is the write end of the pipe, or the terminal's master.
	w *os.File
	// terminal: an end frame does not close w, which is not the Input's own.
	terminal bool

	// attaching is held while one session takes over from another.
	attaching sync.Mutex
	mu        sync.Mutex
	accepted  int64
	closed    bool
	session   *inputSession
}

// inputSession is one connection that carries an Input.
type inputSession struct {
	conn net.Conn
	// done is closed when the session no longer uses w.
	done chan struct{}
}

// NewInput returns an Input that writes to w and, unless it is a terminal,
// closes it at the end of the stream. w must be non-blocking.
func NewInput(w *os.File, terminal bool) *Input {
	return &Input{w: w, terminal: terminal}
}

// Close ends the stream and any connection.
func (in *Input) Close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closeLocked()
}

func (in *Input) closeLocked() {
	if in.closed {
		return
	}
	in.closed = true
	if in.session != nil {
		_ = in.session.conn.Close()
	}
	if in.terminal {
		_ = in.w.SetWriteDeadline(time.Unix(1, 0))
		return
	}
	_ = in.w.Close()
}

// Serve answers a stream request on conn and hands what the client sends to
// the program, until the client ends the stream, the connection breaks, the
// program closes its input, or another Serve takes over. r reads from conn.
// conn is closed on return.
func (in *Input) Serve(conn net.Conn, r *bufio.Reader) error {
	defer func() { _ = conn.Close() }()
	s := &inputSession{conn: conn, done: make(chan struct{})}
	accepted, err := in.attach(s)
	if err != nil {
		return refuse(conn, err)
	}
	defer close(s.done)
	if err := guestwire.WriteLine(conn, guestwire.StreamReply{Offset: accepted}); err != nil {
		return err
	}
	err = in.receive(conn, r)
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// attach makes s the session once the former one has stopped writing, and
// returns the offset of the first byte that is expected.
func (in *Input) attach(s *inputSession) (int64, error) {
	in.attaching.Lock()
	defer in.attaching.Unlock()
	in.mu.Lock()
	defer in.mu.Unlock()
	if old := in.session; old != nil && !in.closed {
		_ = old.conn.Close()
		_ = in.w.SetWriteDeadline(time.Unix(1, 0))
		in.mu.Unlock()
		<-old.done
		in.mu.Lock()
	}
	if in.closed {
		return 0, apierr.New(apierr.FailedPrecondition, "stream_ended", "the standard input was closed after %d bytes", in.accepted)
	}
	in.session = s
	return in.accepted, in.w.SetWriteDeadline(time.Time{})
}

// receive takes frames until the stream or the connection ends.
func (in *Input) receive(conn net.Conn, r *bufio.Reader) error {
	frames := guestwire.NewFrameReader(r)
	for {
		frame, err := frames.Next()
		if err != nil {
			return err
		}
		switch frame.Kind {
		case guestwire.Data:
			if err := in.deliver(conn, frame.Data); err != nil {
				return err
			}
			if r.Buffered() == 0 {
				frames.Release()
			}
		case guestwire.End:
			if !in.terminal {
				in.Close()
				return nil
			}
		default:
			return guestwire.ErrBadFrame
		}
	}
}

// deliver hands data to the program and acknowledges what it has taken.
func (in *Input) deliver(conn net.Conn, data []byte) error {
	n, err := in.w.Write(data)
	in.mu.Lock()
	in.accepted += int64(n)
	accepted := in.accepted
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		in.closeLocked() // the program has closed its end
	}
	in.mu.Unlock()
	if err != nil {
		return err
	}
	if err := conn.SetWriteDeadline(time.Now().Add(ackTimeout)); err != nil {
		return err
	}
	return guestwire.WriteAck(conn, accepted)
}
