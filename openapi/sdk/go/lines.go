package sdk

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// maxLine bounds a line of a streamed response in bytes.
const maxLine = 8 << 20

// Lines reads the lines of a streamed response. A read does not heed a
// context of its own: a context that ends breaks the response off, as it
// could not be resumed in the middle of a line.
type Lines struct {
	client   *Client
	body     io.ReadCloser
	buffered *bufio.Reader
	cancel   context.CancelFunc
	once     sync.Once
}

// Stream begins a call whose response is read line by line. The response
// outlives ctx, which is for the request alone, and ends with Close.
func (c *Client) Stream(ctx context.Context, call func(context.Context) (*http.Response, error)) (*Lines, error) {
	long, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	resp, err := call(long)
	body, err := c.Open(ctx, resp, err)
	if err != nil {
		cancel()
		return nil, err
	}
	stop()
	return &Lines{client: c, body: body, buffered: bufio.NewReaderSize(body, 64<<10), cancel: cancel}, nil
}

// Next returns the next line without its end, io.EOF after the last, or ctx's
// error. The line is valid until the next call.
func (l *Lines) Next(ctx context.Context) ([]byte, error) {
	stop := context.AfterFunc(ctx, l.cancel)
	defer stop()
	line, err := l.read()
	switch {
	case err == nil:
		return line, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, io.EOF) && len(line) == 0:
		return nil, io.EOF
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return nil, l.client.lost(err)
}

func (l *Lines) read() ([]byte, error) {
	line, err := l.buffered.ReadSlice('\n')
	if err == nil {
		return line[:len(line)-1], nil
	}
	long := append([]byte(nil), line...)
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(long) > maxLine {
			return nil, fmt.Errorf("a line is longer than %d bytes", maxLine)
		}
		line, err = l.buffered.ReadSlice('\n')
		long = append(long, line...)
	}
	if err != nil {
		return long, err
	}
	return long[:len(long)-1], nil
}

// Close breaks the response off.
func (l *Lines) Close() error {
	l.once.Do(func() {
		l.cancel()
		_ = l.body.Close()
	})
	return nil
}
