package logs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"sort"
)

// window reads a journal's files by position. It keeps one file open, which
// it can read to its end also after the journal has deleted it.
type window struct {
	journal *Journal
	file    *os.File
	start   int64 // of file
}

// ReadAt implements io.ReaderAt on positions. It does not cross files. It
// returns fs.ErrNotExist when the position is in a file that is deleted, and
// not the one that is open.
func (w *window) ReadAt(p []byte, pos int64) (int, error) {
	start, ok := w.journal.fileOf(pos)
	if w.file != nil && (!ok || start == w.start) && pos >= w.start {
		return w.file.ReadAt(p, pos-w.start)
	}
	if !ok {
		return 0, fs.ErrNotExist
	}
	file, err := os.Open(filePath(w.journal.dir, start))
	if err != nil {
		return 0, err
	}
	if err := w.Close(); err != nil {
		return 0, errors.Join(err, file.Close())
	}
	w.file, w.start = file, start
	return file.ReadAt(p, pos-start)
}

// Close closes the open file.
func (w *window) Close() error {
	if w.file == nil {
		return nil
	}
	file := w.file
	w.file = nil
	return file.Close()
}

var _ io.ReaderAt = (*window)(nil)

// fileOf returns the first position of the file that holds pos, if it is kept.
func (j *Journal) fileOf(pos int64) (start int64, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := sort.Search(len(j.starts), func(i int) bool { return j.starts[i] > pos })
	if i == 0 {
		return 0, false
	}
	return j.starts[i-1], true
}

// after returns the first position of the file behind the one that holds pos;
// false where pos is in the last.
func (j *Journal) after(pos int64) (start int64, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := sort.Search(len(j.starts), func(i int) bool { return j.starts[i] > pos })
	if i == len(j.starts) {
		return 0, false
	}
	return j.starts[i], true
}

// oldest returns the first position that is kept.
func (j *Journal) oldest() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.starts[0]
}
