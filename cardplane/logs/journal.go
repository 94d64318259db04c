package logs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
	"golang.org/x/sys/unix"
)

const fileName = "journal"

// Journal is the output journal of one container. Its methods are safe for
// concurrent use, but only one goroutine at a time may append to a stream.
type Journal struct {
	path string
	file *os.File
	now  func() time.Time

	mu      sync.Mutex
	state   state
	scratch []byte        // the record being written
	closed  bool          // once closed, always closed
	changed chan struct{} // closed and replaced at every change
}

// perKind holds an offset for each kind of record that is output.
type perKind [kindRunEnd + 1]int64

// state is what the records up to size amount to.
type state struct {
	size     int64   // bytes of whole records
	next     perKind // next offset of each stream
	base     perKind // offsets at which the present run began
	runs     int     // runs begun
	runStart int64   // position of the present run's first record
	active   bool    // the present run has not ended
}

// Open opens the journal in dir, making both when they do not exist, and
// truncates a record that was cut short.
func Open(dir string) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make journal: %w", err)
	}
	path := filepath.Join(dir, fileName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	st, err := scan(file)
	if err == nil {
		err = file.Truncate(st.size)
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("recover journal %s: %w", path, err)
	}
	return &Journal{path: path, file: file, now: time.Now, state: st, changed: make(chan struct{})}, nil
}

// Remove deletes the journal in dir with the directory.
func Remove(dir string) error { return os.RemoveAll(dir) }

// scan reads all records of file.
func scan(file *os.File) (state, error) {
	var st state
	var buf []byte
	for {
		h, _, grown, err := readRecord(file, st.size, buf)
		buf = grown
		if errors.Is(err, errTorn) {
			return st, nil
		}
		if err != nil {
			return st, err
		}
		st.apply(h)
	}
}

// apply takes the record that begins at size into account.
func (st *state) apply(h header) {
	switch h.kind {
	case kindRunBegin:
		st.runs++
		st.active = true
		st.runStart = st.size
		st.base = st.next
	case kindRunEnd:
		st.active = false
	default:
		st.next[h.kind] = h.offset + int64(h.length)
	}
	st.size += h.size()
}

// BeginRun marks the beginning of a run: run offsets start at 0 again.
func (j *Journal) BeginRun() error { return j.append(header{kind: kindRunBegin}, nil) }

// EndRun marks the end of a run and syncs the journal to disk. Readers that
// follow reach their end. It does nothing when no run is active.
func (j *Journal) EndRun() error {
	j.mu.Lock()
	active := j.state.active
	j.mu.Unlock()
	if !active {
		return nil
	}
	if err := j.append(header{kind: kindRunEnd}, nil); err != nil {
		return err
	}
	if err := j.file.Sync(); err != nil {
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
	return j.state.next[k] - j.state.base[k]
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
	if h.kind.isOutput() {
		h.offset = j.state.next[h.kind] + h.lost
	}
	j.scratch = appendRecord(j.scratch[:0], h, data)
	_, err := j.file.WriteAt(j.scratch, j.state.size)
	if cap(j.scratch) > 64<<10 {
		j.scratch = nil // an idle container keeps no large buffer
	}
	if err != nil {
		return j.undo(err)
	}
	j.state.apply(h)
	j.announceLocked()
	return nil
}

// undo removes what a failed write left behind.
func (j *Journal) undo(err error) error {
	if terr := j.file.Truncate(j.state.size); terr != nil {
		err = errors.Join(err, terr)
	}
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return apierr.New(apierr.ResourceExhausted, "disk_full", "the card's disk is full, so container output cannot be recorded; free space on the file system of %s: %w", j.path, err)
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
