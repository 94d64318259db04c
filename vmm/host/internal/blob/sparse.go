package blob

import (
	"bytes"
	"hash"
	"io"
	"os"
)

const (
	// writeBlock is how much is read from a connection at once.
	writeBlock = 128 << 10
	// page is the unit in which zeroes are left out: the block size of
	// nearly every filesystem.
	page = 4 << 10
)

var zeroPage [page]byte

// zeros is an endless reader of zeroes.
type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// onlyReader hides other methods of a reader, so that io.CopyBuffer uses the
// buffer it is given.
type onlyReader struct{ io.Reader }

// sparseWriter writes at the end of a file, and leaves a hole where a page
// of it would be all zero.
type sparseWriter struct {
	file *os.File
	sum  hash.Hash
	at   int64
	step Step
	// err is the first error of the file, to tell it from the body's.
	err error
}

// Write implements io.Writer. at and sum cover just what was written.
func (w *sparseWriter) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		run, zero := nextRun(p[done:], w.at)
		if !zero {
			if w.err = w.step(OpWrite); w.err != nil {
				return done, w.err
			}
			if _, w.err = w.file.WriteAt(p[done:done+run], w.at); w.err != nil {
				return done, w.err
			}
		}
		_, _ = w.sum.Write(p[done : done+run])
		w.at += int64(run)
		done += run
	}
	return done, nil
}

// nextRun returns the length of the longest start of p, which belongs at
// offset at, that is wholly zero pages or has none.
func nextRun(p []byte, at int64) (n int, zero bool) {
	for n < len(p) {
		size := min(len(p)-n, page-int((at+int64(n))%page))
		isZero := size == page && bytes.Equal(p[n:n+page], zeroPage[:])
		if n > 0 && isZero != zero {
			return n, zero
		}
		zero = isZero
		n += size
	}
	return n, zero
}
