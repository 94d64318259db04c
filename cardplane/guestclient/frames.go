package guestclient

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/cardplane/cardplane/openapi/guestwire"
)

// Frames are where the frames of a guest's interface come from and go to.
type Frames interface {
	// Deliver takes a frame that the guest has sent, which may be anything. It
	// does not wait, and keeps nothing of it.
	Deliver(frame []byte)
	// Take waits for frames for the guest, and returns all that there are. It
	// fails once ctx has ended, or there will be no more.
	Take(ctx context.Context) ([][]byte, error)
}

// ServeFrames carries the frames of an interface, until the connection breaks,
// ctx ends or there are no more; opened is called when it stands. A guest that
// takes none holds up nobody else.
//
// Errors: stream_not_found, stale_epoch, guest_unreachable.
func (c *Client) ServeFrames(ctx context.Context, name string, opened func(), frames Frames) error {
	conn, in, _, err := c.openConn(ctx, guestwire.StreamRequest{Stream: guestwire.Frames, Interface: name})
	if err != nil {
		return err
	}
	opened()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	var sending sync.WaitGroup
	defer sending.Wait()
	defer func() { _ = conn.Close() }()
	sending.Go(func() {
		defer cancel()
		sendFrames(ctx, conn, frames)
	})
	defer cancel()
	return receiveFrames(in, frames)
}

// receiveFrames delivers what the guest sends until its connection ends.
func receiveFrames(in *bufio.Reader, frames Frames) error {
	reader := guestwire.NewFrameReader(bufio.NewReaderSize(in, frameBuffer))
	for {
		frame, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return unreachable(err)
		}
		if err == nil && frame.Kind != guestwire.Data {
			err = fmt.Errorf("%w: what it sends is no frame", ErrProtocol)
		}
		if err != nil {
			return err
		}
		frames.Deliver(frame.Data)
	}
}

// frameBuffer is how many bytes of frames are read, or written, at once.
const frameBuffer = 32 << 10

// sendFrames sends what there is for the guest, as much as there is at once.
func sendFrames(ctx context.Context, conn net.Conn, frames Frames) {
	out := bufio.NewWriterSize(conn, frameBuffer)
	var header [guestwire.FrameHeaderSize]byte
	for {
		list, err := frames.Take(ctx)
		if err != nil {
			return
		}
		for _, frame := range list {
			guestwire.PutDataHeader(header[:], len(frame))
			_, _ = out.Write(header[:])
			_, _ = out.Write(frame) // Flush tells of a failure
		}
		if out.Flush() != nil {
			return
		}
	}
}
