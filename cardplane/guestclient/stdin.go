package guestclient

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/cardplane/cardplane/openapi/guestwire"
)

// stdinWindow bounds the bytes that were written and that the program's pipe
// has not yet taken.
const stdinWindow = 64 << 10

// Stdin feeds a process's standard input. It keeps what the program's pipe
// has not taken, and when a connection is cut it goes on where the agent says
// the pipe has got to, so that no byte is lost or comes twice. Its methods are
// safe for concurrent use.
//
// The latest connection to a stdin has it: close one Stdin before another is
// made for the same process.
type Stdin struct {
	client *Client
	proc   Process
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	changed *sync.Cond
	pending []byte // written, not taken
	base    int64  // offset of pending[0], once known
	sent    int    // bytes of pending sent on the present connection
	begun   bool   // base is known
	end     bool   // CloseWrite was called
	err     error  // set once: nothing more can be written
	broken  bool   // the present connection is of no more use
}

// OpenStdin returns a Stdin, which connects in the background. It lives until
// Close, or until the agent says that there is nothing more to feed.
func (c *Client) OpenStdin(ctx context.Context, p Process) *Stdin {
	ctx, cancel := context.WithCancel(ctx)
	s := &Stdin{client: c, proc: p, cancel: cancel, done: make(chan struct{})}
	s.changed = sync.NewCond(&s.mu)
	context.AfterFunc(ctx, func() { s.fail(io.ErrClosedPipe) })
	go s.run(ctx)
	return s
}

// Write queues p. It blocks while the program does not read, and returns
// io.ErrClosedPipe once nothing more can be fed.
func (s *Stdin) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	written := 0
	for {
		if s.err != nil {
			return written, s.err
		}
		if s.end {
			return written, io.ErrClosedPipe
		}
		n := min(len(p)-written, stdinWindow-len(s.pending))
		s.pending = append(s.pending, p[written:written+n]...)
		written += n
		s.changed.Broadcast()
		if written == len(p) {
			return written, nil
		}
		s.changed.Wait()
	}
}

// CloseWrite lets the program see the end of its input, after what was
// written. It does not wait for that.
func (s *Stdin) CloseWrite() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end = true
	s.changed.Broadcast()
	return nil
}

// Close gives up. What was written and not taken is lost; the program's input
// stays open unless CloseWrite has taken effect.
func (s *Stdin) Close() error {
	s.cancel()
	<-s.done
	return nil
}

func (s *Stdin) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	s.broken = true
	s.changed.Broadcast()
}

// run connects again and again until the agent says that the input has been
// closed, or that there is nothing to feed, or ctx ends. The end of a
// connection says nothing: it may have been cut before the end got through.
func (s *Stdin) run(ctx context.Context) {
	defer close(s.done)
	defer s.cancel()
	for retry := NewBackoff(); ; {
		if Permanent(s.feed(ctx, retry)) {
			s.fail(io.ErrClosedPipe)
			return
		}
		if retry.Wait(ctx) != nil {
			return
		}
	}
}

// feed uses one connection for as long as it lasts.
func (s *Stdin) feed(ctx context.Context, retry *Backoff) error {
	conn, in, reply, err := s.client.openStream(ctx, s.proc, guestwire.Stdin, 0)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := s.resume(reply.Offset); err != nil {
		return err
	}
	retry.Reset()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	acks := make(chan struct{})
	go func() {
		defer close(acks)
		s.readAcks(in)
	}()
	err = s.send(conn)
	if err != nil {
		_ = conn.Close() // ends readAcks
	}
	<-acks
	return err
}

// resume drops what the program's pipe has taken, and sends the rest anew.
func (s *Stdin) resume(offset int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.begun {
		s.begun, s.base = true, offset // ours begins where the pipe stands
	}
	s.broken, s.sent = false, 0
	return s.takenLocked(offset)
}

// takenLocked drops what is before offset.
func (s *Stdin) takenLocked(offset int64) error {
	n := offset - s.base
	if n < 0 || n > int64(len(s.pending)) {
		return fmt.Errorf("%w: stdin offset %d, sent %d to %d", ErrProtocol, offset, s.base, s.base+int64(len(s.pending)))
	}
	s.pending = s.pending[n:]
	if len(s.pending) == 0 {
		s.pending = nil
	}
	s.base += n
	s.sent = max(0, s.sent-int(n))
	s.changed.Broadcast()
	return nil
}

// readAcks takes acknowledgements until the connection ends.
func (s *Stdin) readAcks(in *bufio.Reader) {
	for {
		offset, err := guestwire.ReadAck(in)
		s.mu.Lock()
		if err == nil {
			err = s.takenLocked(offset)
		}
		if err != nil {
			s.broken = true
			s.changed.Broadcast()
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
	}
}

// send sends what is pending as it comes, and the end after it.
func (s *Stdin) send(conn net.Conn) error {
	for {
		p, end := s.nextToSend()
		if err := conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
		switch {
		case len(p) > 0:
			if _, err := guestwire.WriteData(conn, p); err != nil {
				return err
			}
		case end:
			return guestwire.WriteEnd(conn)
		default:
			return io.ErrUnexpectedEOF
		}
	}
}

// nextToSend waits for something to send. It returns nothing when the
// connection is broken.
func (s *Stdin) nextToSend() (p []byte, end bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.broken:
			return nil, false
		case s.sent < len(s.pending):
			p = append(p, s.pending[s.sent:]...)
			s.sent = len(s.pending)
			return p, false
		case s.end:
			return nil, true
		}
		s.changed.Wait()
	}
}
