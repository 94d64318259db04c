package logs

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// Limits bound a journal's disk space, which is at most their product.
type Limits struct {
	// FileBytes bounds a file, in bytes. A single record may exceed it.
	FileBytes int64
	// Files is how many files are kept, the one that is written included.
	Files int
}

// Journal is the output journal of one container. Its methods are safe for
// concurrent use, but only one goroutine at a time may append to a stream.
type Journal struct {
	dir    string
	limits Limits
	now    func() time.Time

	mu      sync.Mutex
	starts  []int64  // positions at which the files begin; the last is written
	file    *os.File // the last
	head    int64    // length of its checkpoint
	state   state
	scratch []byte        // the record being written
	closed  bool          // once closed, always closed
	changed chan struct{} // closed and replaced at every change
}

// Open opens the journal in dir, making both when they do not exist, and
// truncates a record that was cut short.
func Open(dir string, limits Limits) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make journal: %w", err)
	}
	j := &Journal{dir: dir, limits: limits, now: time.Now, changed: make(chan struct{})}
	if err := j.recover(); err != nil {
		return nil, fmt.Errorf("recover journal %s: %w", dir, err)
	}
	return j, nil
}

// Remove deletes the journal in dir with the directory.
func Remove(dir string) error { return os.RemoveAll(dir) }

// recover takes up the files that there are, or makes the first.
func (j *Journal) recover() error {
	starts, err := listFiles(j.dir)
	if err != nil {
		return err
	}
	for ; len(starts) > 0; starts = starts[:len(starts)-1] {
		last := starts[len(starts)-1]
		err := j.takeUp(last)
		if err == nil {
			j.starts = starts
			return j.trim()
		}
		if !errors.Is(err, errTorn) {
			return err
		}
		// Its making was cut off. The file before it holds all there is.
		if err := removeFile(j.dir, last); err != nil {
			return err
		}
	}
	return j.addFile()
}

// takeUp makes the file that begins at start the one that is written.
func (j *Journal) takeUp(start int64) error {
	file, err := os.OpenFile(filePath(j.dir, start), os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	st, head, err := scan(file, start)
	if err == nil {
		err = file.Truncate(st.Size - start)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	j.file, j.head, j.state = file, head, st
	return nil
}

// addFile begins a new file with a checkpoint. On failure nothing has changed.
func (j *Journal) addFile() (err error) {
	start := j.state.Size
	data, err := j.state.encode()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filePath(j.dir, start), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return j.explain(err)
	}
	h := header{kind: kindCheckpoint, time: j.now(), length: uint32(len(data))}
	if _, err = file.WriteAt(appendRecord(nil, h, data), 0); err == nil {
		err = j.syncAll(file)
	}
	if err != nil {
		return errors.Join(j.explain(err), file.Close(), removeFile(j.dir, start))
	}
	if j.file != nil {
		_ = j.file.Close() // it is synced
	}
	j.file, j.head, j.starts = file, h.size(), append(j.starts, start)
	j.state.apply(h)
	return j.trim()
}

// syncAll brings the new file to the disk, with its name, and the one before
// it, which nobody syncs later and which trim may delete.
func (j *Journal) syncAll(file *os.File) error {
	if j.file != nil {
		if err := j.file.Sync(); err != nil {
			return err
		}
	}
	if err := file.Sync(); err != nil {
		return err
	}
	dir, err := os.Open(j.dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// trim deletes the oldest files beyond the limit.
func (j *Journal) trim() error {
	for len(j.starts) > max(j.limits.Files, 1) {
		if err := removeFile(j.dir, j.starts[0]); err != nil {
			return err
		}
		j.starts = j.starts[1:]
	}
	return nil
}

// BeginRun marks the beginning of a run: run offsets start at 0 again.
func (j *Journal) BeginRun() error { return j.append(header{kind: kindRunBegin}, nil) }

// EndRun marks the end of a run and syncs the journal to disk. Readers that
// follow reach their end. It does nothing when no run is active.
func (j *Journal) EndRun() error {
	j.mu.Lock()
	active := j.state.Active
	j.mu.Unlock()
	if !active {
		return nil
	}
	if err := j.append(header{kind: kindRunEnd}, nil); err != nil {
		return err
	}
	j.mu.Lock()
	file := j.file
	j.mu.Unlock()
	if err := file.Sync(); err != nil {
		return fmt.Errorf("sync journal: %w", err)
	}
	return nil
}

// RunOffset returns the offset, within the present run, of the next byte of
// stream that the journal wants. It is right after a crash as well.
func (j *Journal) RunOffset(stream cardplane.Stream) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	k := kindOf(stream)
	return j.state.Next[k] - j.state.Base[k]
}

// Append records data at RunOffset of stream, after lost bytes that the log
// policy dropped. It fails with disk_full when the card's disk is full;
// nothing of data is recorded then.
func (j *Journal) Append(stream cardplane.Stream, data []byte, lost int64) error {
	k := kindOf(stream)
	for first := true; first || len(data) > 0; first = false {
		n := min(len(data), maxData)
		if err := j.append(header{kind: k, lost: lost}, data[:n]); err != nil {
			return err
		}
		data, lost = data[n:], 0
	}
	return nil
}

func (j *Journal) append(h header, data []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return os.ErrClosed
	}
	h.time, h.length = j.now(), uint32(len(data))
	if err := j.makeRoomLocked(h.size()); err != nil {
		return err
	}
	if h.kind.isOutput() {
		h.offset = j.state.Next[h.kind] + h.lost
	}
	j.scratch = appendRecord(j.scratch[:0], h, data)
	at := j.state.Size - j.starts[len(j.starts)-1]
	_, err := j.file.WriteAt(j.scratch, at)
	if cap(j.scratch) > 64<<10 {
		j.scratch = nil // an idle container keeps no large buffer
	}
	if err != nil {
		return errors.Join(j.explain(err), j.file.Truncate(at))
	}
	j.state.apply(h)
	j.announceLocked()
	return nil
}

// makeRoomLocked begins a new file where the present one is full and has more
// than its checkpoint.
func (j *Journal) makeRoomLocked(size int64) error {
	used := j.state.Size - j.starts[len(j.starts)-1]
	if used+size <= j.limits.FileBytes || used <= j.head {
		return nil
	}
	return j.addFile()
}

// explain makes a full disk a typed error.
func (j *Journal) explain(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return apierr.New(apierr.ResourceExhausted, "disk_full", "the card's disk is full, so container output cannot be recorded; free space on the file system of %s: %w", j.dir, err)
	}
	return fmt.Errorf("append to journal: %w", err)
}

func (j *Journal) announceLocked() {
	close(j.changed)
	j.changed = make(chan struct{})
}

// Close closes the journal. Readers that wait reach their end.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	j.announceLocked()
	return j.file.Close()
}
