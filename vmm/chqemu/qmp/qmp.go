// Package qmp speaks the QEMU Machine Protocol over a connection that is
// already open: a greeting, the negotiation of capabilities, then commands
// with their replies, and events between them (QEMU docs/interop/qmp-spec).
//
// A [Conn] owns one goroutine, which reads until the connection breaks or
// Close is called. Messages are bounded, since a QEMU that a guest has taken
// over may write anything.
package qmp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	// maxMessage bounds one message. query-qmp-schema, which nobody asks for
	// here, has 200 KB; everything else has far less.
	maxMessage = 1 << 20
	// eventBacklog is how many events may wait for their reader. A guest
	// causes few; see Conn.Events.
	eventBacklog = 64
)

// ErrClosed is the error of commands on a connection that has ended.
var ErrClosed = errors.New("qmp: connection closed")

// Version is QEMU's version as it stands in the greeting.
type Version struct{ Major, Minor, Micro int }

// String returns "10.0.2".
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Micro) }

// Error is an error reply.
type Error struct {
	// Command is what was asked for.
	Command string
	// Class is QEMU's error class, nearly always GenericError.
	Class string
	// Desc is the text for people.
	Desc string
}

// Error returns the text alone: it names the object and the reason.
func (e *Error) Error() string { return e.Desc }

// Event is an asynchronous message.
type Event struct {
	Name string
	// Data is the event's JSON object; it may be nil.
	Data json.RawMessage
}

// Conn is a connection to a QEMU monitor. It is safe for concurrent use.
type Conn struct {
	conn    net.Conn
	version Version
	events  chan Event
	done    chan struct{} // closed when the reader has ended
	cancel  chan struct{} // closed by Close

	closing sync.Once

	writing sync.Mutex // one command at a time; never held with mu

	mu      sync.Mutex
	next    uint64
	waiting map[uint64]chan reply
	err     error // why the reader ended
}

type reply struct {
	result json.RawMessage
	err    *wireError
}

type wireError struct {
	Class string `json:"class"`
	Desc  string `json:"desc"`
}

// message is any message from QEMU.
type message struct {
	QMP *struct {
		Version struct {
			QEMU struct{ Major, Minor, Micro int } `json:"qemu"`
		} `json:"version"`
	} `json:"QMP"`
	ID     *uint64         `json:"id"`
	Return json.RawMessage `json:"return"`
	Error  *wireError      `json:"error"`
	Event  string          `json:"event"`
	Data   json.RawMessage `json:"data"`
}

// Open reads the greeting from conn and leaves the negotiation mode. It
// closes conn when it fails; ctx bounds it.
func Open(ctx context.Context, conn net.Conn) (*Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	lines := bufio.NewScanner(conn)
	lines.Buffer(make([]byte, 0, 4096), maxMessage)
	version, err := greeting(lines)
	if !stop() {
		err = errors.Join(ctx.Err(), err)
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("qmp greeting: %w", err)
	}
	c := &Conn{
		conn:    conn,
		version: version,
		events:  make(chan Event, eventBacklog),
		done:    make(chan struct{}),
		cancel:  make(chan struct{}),
		waiting: map[uint64]chan reply{},
	}
	go c.read(lines)
	if err := c.Execute(ctx, "qmp_capabilities", nil, nil); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("qmp_capabilities: %w", err)
	}
	return c, nil
}

func greeting(lines *bufio.Scanner) (Version, error) {
	var m message
	if !lines.Scan() {
		if err := lines.Err(); err != nil {
			return Version{}, err
		}
		return Version{}, ErrClosed
	}
	if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
		return Version{}, err
	}
	if m.QMP == nil {
		return Version{}, fmt.Errorf("unexpected message %.80q", lines.Bytes())
	}
	return Version(m.QMP.Version.QEMU), nil
}

// Version returns what the greeting said.
func (c *Conn) Version() Version { return c.version }

// Events returns the events in order. The channel is closed when the
// connection ends. An owner must keep reading: when the backlog is full the
// connection, replies included, waits.
func (c *Conn) Events() <-chan Event { return c.events }

// Execute runs command with args, any value that encodes to a JSON object, or
// nil, and decodes the result into out unless that is nil. Errors of QEMU are
// *Error; a connection that ends gives ErrClosed.
func (c *Conn) Execute(ctx context.Context, command string, args, out any) error {
	id, answer, err := c.register()
	if err != nil {
		return err
	}
	defer c.forget(id)
	if err := c.send(ctx, command, args, id); err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	select {
	case r := <-answer:
		return r.decode(command, out)
	case <-c.done:
		// The reply may have come with the end.
		select {
		case r := <-answer:
			return r.decode(command, out)
		default:
			return fmt.Errorf("%s: %w", command, c.reason())
		}
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", command, context.Cause(ctx))
	}
}

func (r reply) decode(command string, out any) error {
	if r.err != nil {
		return &Error{Command: command, Class: r.err.Class, Desc: r.err.Desc}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(r.result, out); err != nil {
		return fmt.Errorf("%s: reply: %w", command, err)
	}
	return nil
}

func (c *Conn) register() (uint64, chan reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, nil, c.err
	}
	c.next++
	answer := make(chan reply, 1)
	c.waiting[c.next] = answer
	return c.next, answer, nil
}

func (c *Conn) forget(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

func (c *Conn) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *Conn) send(ctx context.Context, command string, args any, id uint64) error {
	text, err := json.Marshal(struct {
		Execute   string `json:"execute"`
		Arguments any    `json:"arguments,omitempty"`
		ID        uint64 `json:"id"`
	}{command, args, id})
	if err != nil {
		return err
	}
	deadline, _ := ctx.Deadline() // none is the zero time, which is no deadline
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	_, err = c.conn.Write(append(text, '\n'))
	return err
}

// read is the owner of the receiving side.
func (c *Conn) read(lines *bufio.Scanner) {
	err := c.readLoop(lines)
	_ = c.conn.Close()
	c.mu.Lock()
	c.err = err
	c.mu.Unlock()
	close(c.events)
	close(c.done)
}

func (c *Conn) readLoop(lines *bufio.Scanner) error {
	for lines.Scan() {
		m, err := parse(lines.Bytes())
		if err != nil {
			return err
		}
		if !c.dispatch(m) {
			return ErrClosed
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return ErrClosed
}

func parse(line []byte) (message, error) {
	var m message
	if err := json.Unmarshal(line, &m); err != nil {
		return m, fmt.Errorf("%w: a message does not parse: %w", ErrClosed, err)
	}
	return m, nil
}

// dispatch hands m to whom it is for and reports whether to go on.
func (c *Conn) dispatch(m message) bool {
	if m.Event != "" {
		select {
		case c.events <- Event{Name: m.Event, Data: m.Data}:
			return true
		case <-c.cancel:
			return false
		}
	}
	if m.ID == nil {
		return true
	}
	c.mu.Lock()
	answer := c.waiting[*m.ID]
	delete(c.waiting, *m.ID)
	c.mu.Unlock()
	if answer != nil {
		answer <- reply{result: m.Return, err: m.Error}
	}
	return true
}

// Close ends the connection and waits for the reader. QEMU goes on.
func (c *Conn) Close() error {
	var err error
	c.closing.Do(func() {
		close(c.cancel)
		err = c.conn.Close()
	})
	<-c.done
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
