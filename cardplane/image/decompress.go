package image

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/cardplane/cardplane/cardplane/image/layer"
)

// maxZstdWindow bounds the memory of a zstd decoder; it is what zstd --long
// uses at its default.
const maxZstdWindow = 128 << 20

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// decompress returns the uncompressed content of r, told by its first bytes.
// What is neither gzip nor zstd is taken as it is. close frees memory and does
// not close r.
func (l Limits) decompress(r io.Reader) (_ io.Reader, close func(), err error) {
	packed := &countingReader{r: r}
	in := bufio.NewReaderSize(packed, copyBuffer)
	// A short stream fails later, where it is read.
	magic, _ := in.Peek(len(zstdMagic))
	switch {
	case bytes.HasPrefix(magic, gzipMagic):
		zr, err := gzip.NewReader(in)
		return &inflater{countingReader{r: zr}, packed, l}, func() {}, err
	case bytes.Equal(magic, zstdMagic):
		zr, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return nil, nil, err
		}
		return &inflater{countingReader{r: zr}, packed, l}, zr.Close, nil
	}
	return in, func() {}, nil
}

// countingReader counts what is read.
type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// inflater refuses a stream that grows out of proportion.
type inflater struct {
	countingReader
	packed *countingReader
	limits Limits
}

// Read implements [io.Reader].
func (i *inflater) Read(p []byte) (int, error) {
	n, err := i.countingReader.Read(p)
	if i.n > i.limits.Inflated && i.n/i.limits.Ratio > i.packed.n {
		return 0, fmt.Errorf("%w: it grows to more than %d bytes and %d times its compressed size", layer.ErrTooLarge, i.limits.Inflated, i.limits.Ratio)
	}
	return n, err
}

// layerReader reads a stored layer uncompressed. Its errors wrap
// [layer.ErrCorrupt] or [layer.ErrTooLarge] if the layer is at fault.
type layerReader struct {
	file   *os.File
	in     io.Reader
	free   func()
	budget *int64
}

// openLayer opens the layer stored as blob d. The uncompressed bytes are taken
// off budget, and meter counts those of the blob.
func (s *Store) openLayer(ctx context.Context, d v1.Hash, budget *int64, meter *meter) (*layerReader, error) {
	f, err := os.Open(s.blobPath(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, corrupt("blob %s is missing from the image store", d)
	}
	if err != nil {
		return nil, err
	}
	in, free, err := s.limits.decompress(contextReader{ctx, meter.reader(f)})
	if err != nil {
		return nil, errors.Join(blame(err), f.Close())
	}
	return &layerReader{file: f, in: contextReader{ctx, in}, free: free, budget: budget}, nil
}

// Read implements [io.Reader].
func (l *layerReader) Read(p []byte) (int, error) {
	n, err := l.in.Read(p)
	if *l.budget -= int64(n); *l.budget < 0 {
		return 0, fmt.Errorf("%w: the layers are larger uncompressed than allowed", layer.ErrTooLarge)
	}
	return n, blame(err)
}

// Close implements [io.Closer].
func (l *layerReader) Close() error {
	l.free()
	return l.file.Close()
}

// blame makes an error of decompression a fault of the layer, unless the file
// could not be read or the operation was cancelled.
func blame(err error) error {
	var pathError *fs.PathError
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return err
	case errors.As(err, &pathError), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, errClosed), errors.Is(err, layer.ErrTooLarge):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: the compressed data is cut short", layer.ErrCorrupt)
	}
	return fmt.Errorf("%w: %w", layer.ErrCorrupt, err)
}
