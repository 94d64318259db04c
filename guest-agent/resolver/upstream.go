package resolver

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/cardplane/cardplane/openapi/guestwire"
)

const (
	// headerSize is the length of a DNS message's header, in bytes, which
	// begins with its id.
	headerSize = 12
	// sendTimeout bounds how long the controller may take to receive a query.
	sendTimeout = 10 * time.Second
)

// upstream is the controller's stream.
type upstream struct {
	conn    net.Conn
	sending sync.Mutex

	mu      sync.Mutex
	next    uint16
	waiting map[uint16]chan []byte
	ended   bool
}

func newUpstream(conn net.Conn) *upstream {
	return &upstream{conn: conn, waiting: make(map[uint16]chan []byte)}
}

// ask returns the controller's answer, nil where there is none.
func (u *upstream) ask(ctx context.Context, query []byte) []byte {
	if len(query) < headerSize || len(query) > guestwire.MaxPayloadSize {
		return nil
	}
	id, answer, ok := u.enter()
	if !ok {
		return nil
	}
	defer u.leave(id)
	if err := u.send(withID(query, id)); err != nil {
		_ = u.conn.Close() // a frame may have been cut
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case message := <-answer:
		if message == nil {
			return nil
		}
		return withID(message, binary.BigEndian.Uint16(query))
	}
}

// withID returns a DNS message with another id.
func withID(message []byte, id uint16) []byte {
	message = slices.Clone(message)
	binary.BigEndian.PutUint16(message, id)
	return message
}

// enter takes an id that no query which waits has.
func (u *upstream) enter() (uint16, <-chan []byte, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended || len(u.waiting) >= guestwire.MaxQueries {
		return 0, nil, false
	}
	for u.waiting[u.next] != nil {
		u.next++
	}
	answer := make(chan []byte, 1)
	u.waiting[u.next] = answer
	u.next++
	return u.next - 1, answer, true
}

func (u *upstream) leave(id uint16) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.waiting, id)
}

func (u *upstream) send(query []byte) error {
	u.sending.Lock()
	defer u.sending.Unlock()
	if err := u.conn.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return err
	}
	_, err := guestwire.WriteData(u.conn, query)
	return err
}

// receive hands out answers until the stream ends.
func (u *upstream) receive(in *bufio.Reader) error {
	frames := guestwire.NewFrameReader(in)
	for {
		if in.Buffered() == 0 {
			frames.Release()
		}
		frame, err := frames.Next()
		switch {
		case errors.Is(err, io.EOF), err == nil && frame.Kind == guestwire.End:
			return nil
		case err != nil:
			return err
		case frame.Kind != guestwire.Data || len(frame.Data) < headerSize:
			return fmt.Errorf("%w: a frame of kind %d and %d bytes is no DNS message", guestwire.ErrBadFrame, frame.Kind, len(frame.Data))
		}
		u.deliver(slices.Clone(frame.Data))
	}
}

// deliver hands an answer to who waits for it. One that nobody waits for came
// too late.
func (u *upstream) deliver(message []byte) {
	id := binary.BigEndian.Uint16(message)
	u.mu.Lock()
	defer u.mu.Unlock()
	if answer := u.waiting[id]; answer != nil {
		answer <- message
		delete(u.waiting, id)
	}
}

// end lets nobody wait any longer.
func (u *upstream) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ended = true
	for id, answer := range u.waiting {
		close(answer)
		delete(u.waiting, id)
	}
}
