package tail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Reader reads a file from an offset and, when it follows, goes on with what
// is appended until its writer has ended.
//
// Holes are skipped: they are what [Trim] has left. A file that became
// shorter was begun anew, and is read from its start.
type Reader struct {
	ctx   context.Context
	file  *os.File
	sub   *Subscription // nil: do not follow
	ended <-chan struct{}
	at    int64
	seen  int64
}

// Open opens path for reading from offset at, without following. The caller
// closes the reader.
func Open(path string, at int64) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return &Reader{ctx: context.Background(), file: f, at: at}, nil
}

// Follow opens path for reading from offset at and follows it until ended is
// closed and all is read, or ctx is done. The caller closes the reader.
func (w *Watcher) Follow(ctx context.Context, path string, at int64, ended <-chan struct{}) (*Reader, error) {
	r, err := Open(path, at)
	if err != nil {
		return nil, err
	}
	if r.sub, err = w.Watch(path); err != nil {
		return nil, errors.Join(err, r.file.Close())
	}
	r.ctx, r.ended = ctx, ended
	return r, nil
}

// Close ends the reader.
func (r *Reader) Close() error {
	if r.sub != nil {
		r.sub.Close()
	}
	return r.file.Close()
}

// Offset returns where the next Read begins.
func (r *Reader) Offset() int64 { return r.at }

// Read implements io.Reader. io.EOF means that the writer has ended or, when
// not following, that the end was reached.
func (r *Reader) Read(p []byte) (int, error) {
	for {
		ended := r.sub == nil || isClosed(r.ended)
		n, err := r.readOnce(p)
		if n > 0 || err != nil {
			return n, err
		}
		if ended {
			return 0, io.EOF
		}
		select {
		case <-r.sub.C:
		case <-r.ended:
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
	}
}

// readOnce reads what is there now; 0 at the end.
func (r *Reader) readOnce(p []byte) (int, error) {
	info, err := r.file.Stat()
	if err != nil {
		return 0, err
	}
	if info.Size() < r.seen {
		r.at = 0
	}
	r.seen = info.Size()
	if err := r.skipHole(); err != nil {
		return 0, err
	}
	n, err := r.file.ReadAt(p, r.at)
	r.at += int64(n)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// skipHole moves to the first byte of data at or after the offset.
func (r *Reader) skipHole() error {
	if r.at >= r.seen {
		return nil
	}
	data, err := r.file.Seek(r.at, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO):
		r.at = r.seen
	case errors.Is(err, unix.EINVAL): // a filesystem without holes
	case err != nil:
		return fmt.Errorf("find data: %w", err)
	default:
		r.at = data
	}
	return nil
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
