package guestwire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// Window is how many bytes a side of a Duplex sends beyond those that the
	// other has taken.
	Window = 128 << 10
	// ackEvery is after how many taken bytes a side acknowledges them.
	ackEvery = Window / 4
	// sendTimeout bounds how long the other side may take to receive a frame,
	// which it does whatever its own user does.
	sendTimeout = 2 * time.Minute
	// lingerTimeout bounds how long Close waits for the last acknowledgement.
	lingerTimeout = 30 * time.Second
	// keptBuffer is how much of an empty buffer is kept, in bytes.
	keptBuffer = 16 << 10
)

// errCut is how a Duplex ends that has not ended in both directions.
var errCut = fmt.Errorf("guestwire: the connection was broken off: %w", io.ErrUnexpectedEOF)

// Duplex is one side of a connection to a port, after its first lines: a
// two-way stream each direction of which ends by itself, over frames of Data,
// Ack and End in both. Either side sends at most Window bytes beyond those that
// the other's user has taken. So each can receive at any time, and learns at
// once that the other is gone although its own user stands still.
//
// Read and Write are each for one goroutine at a time. The other side may be
// hostile: it makes a Duplex hold no more than Window bytes and a frame.
type Duplex struct {
	conn   net.Conn
	broken chan struct{} // closed when the connection is broken off
	done   chan struct{} // closed when nothing more is received

	sending sync.Mutex // orders frames

	mu      sync.Mutex // guards the rest
	changed *sync.Cond
	in      bytes.Buffer // received and not taken
	inEnd   bool
	taken   int64 // by our user
	told    int64 // of taken, acknowledged
	sent    int64
	acked   int64
	outEnd  bool
	err     error // set once, when nothing more is received
}

// NewDuplex returns a Duplex on conn, of which r has the bytes that are read
// ahead. It must be closed.
func NewDuplex(conn net.Conn, r *bufio.Reader) *Duplex {
	d := &Duplex{conn: conn, broken: make(chan struct{}), done: make(chan struct{})}
	d.changed = sync.NewCond(&d.mu)
	go d.receive(r)
	return d
}

// Broken is closed when the connection has ended before both directions have.
func (d *Duplex) Broken() <-chan struct{} { return d.broken }

// Read implements io.Reader. io.EOF means that the other side has ended its
// direction; a connection that was broken off gives io.ErrUnexpectedEOF.
func (d *Duplex) Read(p []byte) (int, error) {
	n, ack, err := d.take(p)
	if ack > 0 {
		// Where this fails, what follows shows it.
		_ = d.send(AckFrame(ack))
	}
	return n, err
}

// take waits for bytes and takes them. It returns what is to be acknowledged,
// if anything.
func (d *Duplex) take(p []byte) (n int, ack int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.in.Len() == 0 && !d.inEnd && d.err == nil {
		d.changed.Wait()
	}
	switch {
	case d.in.Len() > 0:
		n, _ = d.in.Read(p)
		d.taken += int64(n)
	case d.inEnd:
		err = io.EOF
	default:
		err = d.err
	}
	if d.in.Len() == 0 && d.in.Cap() > keptBuffer {
		d.in = bytes.Buffer{}
	}
	due := d.taken - d.told
	if due >= ackEvery || due > 0 && d.inEnd && d.in.Len() == 0 {
		d.told = d.taken
		ack = d.told
	}
	return n, ack, err
}

// Write implements io.Writer. It blocks while the other side's user does not
// take what was written.
func (d *Duplex) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		n, err := d.room(len(p) - written)
		if err != nil {
			return written, err
		}
		frame := make([]byte, FrameHeaderSize, FrameHeaderSize+n)
		PutDataHeader(frame, n)
		if err := d.send(append(frame, p[written:written+n]...)); err != nil {
			return written, err
		}
		written += n
	}
	return written, nil
}

// room waits until something may be sent, and returns how much of n bytes.
func (d *Duplex) room(n int) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		free := Window - int(d.sent-d.acked)
		switch {
		case d.outEnd:
			return 0, io.ErrClosedPipe
		case d.err != nil:
			return 0, d.err
		case free > 0:
			n = min(n, free, MaxPayloadSize)
			d.sent += int64(n)
			return n, nil
		}
		d.changed.Wait()
	}
}

// CloseWrite ends our direction. It must not be called beside Write.
func (d *Duplex) CloseWrite() error {
	d.mu.Lock()
	ended := d.outEnd
	d.outEnd = true
	d.mu.Unlock()
	if ended {
		return nil
	}
	return d.send(EndFrame())
}

// send sends a frame.
func (d *Duplex) send(frame []byte) error {
	d.sending.Lock()
	defer d.sending.Unlock()
	err := d.conn.SetWriteDeadline(time.Now().Add(sendTimeout))
	if err == nil {
		_, err = d.conn.Write(frame)
	}
	if err != nil {
		_ = d.conn.Close() // nothing can follow half a frame
		return fmt.Errorf("%w: %w", errCut, err)
	}
	return nil
}

// Close closes the connection, which breaks it off unless both directions have
// ended. If they have, it first waits a while until the other side has taken
// everything, which a connection that is closed too early could lose.
func (d *Duplex) Close() error {
	d.linger()
	err := d.conn.Close()
	<-d.done
	if errors.Is(err, net.ErrClosed) {
		return nil // it broke, and was closed for that
	}
	return err
}

func (d *Duplex) linger() {
	d.mu.Lock()
	defer d.mu.Unlock()
	late := false
	timer := time.AfterFunc(lingerTimeout, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		late = true
		d.changed.Broadcast()
	})
	defer timer.Stop()
	for d.inEnd && d.outEnd && d.acked < d.sent && d.err == nil && !late {
		d.changed.Wait()
	}
}

// receive takes what comes until the connection ends.
func (d *Duplex) receive(r *bufio.Reader) {
	defer close(d.done)
	frames := &FrameReader{r: r, acks: true}
	var err error
	for err == nil {
		var f Frame
		if f, err = frames.Next(); err == nil {
			err = d.received(f)
		}
		if r.Buffered() == 0 {
			frames.Release()
		}
	}
	_ = d.conn.Close() // after a bad frame nothing is listened to
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = errCut
	if !errors.Is(err, io.EOF) {
		d.err = fmt.Errorf("%w: %w", errCut, err)
	}
	if !d.inEnd || !d.outEnd || d.acked < d.sent {
		close(d.broken)
	}
	d.changed.Broadcast()
}

// received acts on a frame.
func (d *Duplex) received(f Frame) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.changed.Broadcast()
	switch {
	case f.Kind == Ack && f.Taken > d.acked && f.Taken <= d.sent:
		d.acked = f.Taken
	case f.Kind == Data && !d.inEnd && d.taken-d.told+int64(d.in.Len()+len(f.Data)) <= Window:
		_, _ = d.in.Write(f.Data)
	case f.Kind == End && !d.inEnd:
		d.inEnd = true
	default:
		return fmt.Errorf("%w: kind %d is out of place", ErrBadFrame, f.Kind)
	}
	return nil
}
