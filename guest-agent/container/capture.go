package container

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// maxCapture bounds what is kept of a probe's output, in bytes.
const maxCapture = 4096

// capture takes the output of a process: it keeps the beginning and reads the
// rest, so that no process waits for it.
type capture struct {
	null, write *os.File // the process's
	read        *os.File
	ended       chan struct{} // closed at the output's end

	mu   sync.Mutex
	head []byte
	full chan struct{} // closed once head is
}

func openCapture() (*capture, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, null.Close())
	}
	c := &capture{null: null, write: w, read: r, ended: make(chan struct{}), full: make(chan struct{})}
	go c.pump()
	return c, nil
}

func (c *capture) pump() {
	defer close(c.ended)
	// It ends with the last process that can write, or with close.
	_, _ = io.Copy(writerFunc(c.keep), c.read)
}

type writerFunc func([]byte)

// Write implements io.Writer.
func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}

func (c *capture) keep(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	room := maxCapture - len(c.head)
	if room == 0 {
		return
	}
	c.head = append(c.head, p[:min(room, len(p))]...)
	if len(c.head) == maxCapture {
		close(c.full)
	}
}

// io returns what the runtime gives to the process.
func (c *capture) io() IO {
	return IO{Files: [3]*os.File{c.null, c.write, c.write}, Head: func(ctx context.Context, n int) []byte {
		c.closeChildFiles() // who asks for it has started the process
		c.await(ctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		return append([]byte(nil), c.head[:min(n, len(c.head))]...)
	}}
}

// await waits for the output's beginning, or its end.
func (c *capture) await(ctx context.Context) {
	select {
	case <-c.full:
	case <-c.ended:
	case <-ctx.Done():
	}
}

func (c *capture) closeChildFiles() {
	_ = c.null.Close() // a second Close of the same file does nothing
	_ = c.write.Close()
}

// close takes the rest of the output, but waits for it no longer than ctx.
func (c *capture) close(ctx context.Context) {
	select {
	case <-c.ended:
	case <-ctx.Done():
		_ = c.read.SetReadDeadline(time.Unix(1, 0))
		<-c.ended
	}
	_ = c.read.Close()
}

// text returns the beginning of the output after reason, which may be empty.
func (c *capture) text(reason string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := string(c.head)
	if reason != "" && text != "" {
		reason += ": "
	}
	text = reason + text
	// What is cut in the middle of a character is no text.
	return strings.ToValidUTF8(text[:min(len(text), maxCapture)], "?")
}
