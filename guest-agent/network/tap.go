package network

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

// etherSize is the length of an Ethernet header, in bytes.
const etherSize = 14

// Tap is an interface whose frames are ours to carry: Read gives one that the
// machine sends, Write has it receive one. Closing it removes the interface.
type Tap interface {
	io.ReadWriteCloser
	// SetReadDeadline ends a Read that waits, with os.ErrDeadlineExceeded.
	SetReadDeadline(t time.Time) error
}

// wire is a tap and the stream that carries its frames. While there is none,
// frames that the machine sends wait in the kernel, as many as it keeps.
type wire struct {
	tap Tap

	mu      sync.Mutex
	conn    net.Conn   // of the newest stream; nil after the end
	ended   bool       // the tap is closed
	serving sync.Mutex // held by the stream that is served
}

// serve carries frames over conn until it ends or a newer stream takes its
// place. maxFrame bounds them, in bytes.
func (w *wire) serve(conn net.Conn, in *bufio.Reader, maxFrame int) error {
	if !w.replace(conn) {
		return io.EOF
	}
	w.serving.Lock()
	defer w.serving.Unlock()
	if err := w.tap.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	if err := guestwire.WriteLine(conn, guestwire.StreamReply{}); err != nil {
		return err
	}
	var receiving sync.WaitGroup
	var received error
	receiving.Go(func() {
		received = w.receive(in, maxFrame)
		_ = conn.Close()
		_ = w.tap.SetReadDeadline(time.Unix(1, 0)) // so that sending ends
	})
	sent := w.send(conn, maxFrame)
	_ = conn.Close()
	receiving.Wait()
	if received != nil {
		return received
	}
	return sent
}

// replace makes conn the newest stream, and ends the one before.
func (w *wire) replace(conn net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn != nil {
		_ = w.conn.Close()
	}
	w.conn = conn
	return !w.ended
}

// send brings what the machine sends to the controller.
func (w *wire) send(conn net.Conn, maxFrame int) error {
	buf := make([]byte, guestwire.FrameHeaderSize+maxFrame)
	for {
		n, err := w.tap.Read(buf[guestwire.FrameHeaderSize:])
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		guestwire.PutDataHeader(buf, n)
		if _, err := conn.Write(buf[:guestwire.FrameHeaderSize+n]); err != nil {
			return err
		}
	}
}

// receive has the machine receive what the controller sends. A frame that the
// kernel does not take is lost.
func (w *wire) receive(in *bufio.Reader, maxFrame int) error {
	frames := guestwire.NewFrameReader(bufio.NewReaderSize(in, guestwire.MaxFrameSize))
	for {
		frame, err := frames.Next()
		switch {
		case errors.Is(err, io.EOF), err == nil && frame.Kind == guestwire.End:
			return nil
		case err != nil:
			return err
		case frame.Kind != guestwire.Data || len(frame.Data) > maxFrame:
			continue
		}
		_, _ = w.tap.Write(frame.Data)
	}
}

// close removes the interface and ends its stream.
func (w *wire) close() {
	w.replace(nil)
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	_ = w.tap.Close()
}

// openWiresLocked makes the interfaces that are ours to make and that there are
// not yet.
func (n *Network) openWiresLocked(list []guestapi.Interface) error {
	for _, one := range list {
		if !streamed(one) || n.wires[one.Mac] != nil {
			continue
		}
		mac, err := net.ParseMAC(one.Mac)
		if err != nil {
			return err
		}
		tap, err := n.links.Tap(mac)
		if err != nil {
			return err
		}
		n.wires[one.Mac] = &wire{tap: tap}
	}
	return nil
}

// closeWiresLocked removes those of our interfaces that are not in list.
func (n *Network) closeWiresLocked(list []guestapi.Interface) {
	wanted := make(map[string]bool)
	for _, one := range list {
		wanted[one.Mac] = streamed(one)
	}
	for mac, w := range n.wires {
		if !wanted[mac] {
			w.close()
			delete(n.wires, mac)
		}
	}
}

func streamed(one guestapi.Interface) bool {
	return one.Frames == guestapi.FramesOverStream
}

// Frames returns what serves the stream of an interface's frames. Errors:
// stream_not_found.
func (n *Network) Frames(name string) (func(net.Conn, *bufio.Reader) error, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, one := range n.applied {
		if w := n.wires[one.Mac]; w != nil && one.Name == name {
			return func(conn net.Conn, in *bufio.Reader) error { return w.serve(conn, in, one.Mtu+etherSize) }, nil
		}
	}
	return nil, apierr.New(apierr.NotFound, "stream_not_found", "the machine has no interface %q whose frames go over a stream", name).At("/interface")
}
