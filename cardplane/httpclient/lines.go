package httpclient

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// maxLine bounds a line of a streamed response in bytes.
const maxLine = 8 << 20

// lineReader reads the lines of a streamed response. A read does not heed a
// context of its own: a context that ends breaks the response off, as it
// could not be resumed in the middle of a line.
type lineReader struct {
	endpoint string
	body     io.ReadCloser
	buffered *bufio.Reader
	cancel   context.CancelFunc
	once     sync.Once
}

func newLineReader(endpoint string, body io.ReadCloser, cancel context.CancelFunc) *lineReader {
	return &lineReader{endpoint: endpoint, body: body, buffered: bufio.NewReaderSize(body, 64<<10), cancel: cancel}
}

// next returns the next line without its end, io.EOF after the last, or ctx's
// error. The line is valid until the next call.
func (l *lineReader) next(ctx context.Context) ([]byte, error) {
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
	return nil, lost(l.endpoint, err)
}

func (l *lineReader) read() ([]byte, error) {
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
func (l *lineReader) Close() error {
	l.once.Do(func() {
		l.cancel()
		_ = l.body.Close()
	})
	return nil
}
