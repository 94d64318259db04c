package logs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cardplane/cardplane/cardplane"
)

// Read begins to read the journal. With Follow it ends once a run has been
// and is over, or the journal is closed.
func (j *Journal) Read(opts cardplane.LogOptions) (cardplane.LogReader, error) {
	r, err := j.newReader()
	if err != nil {
		return nil, err
	}
	r.follow, r.since = opts.Follow, opts.Since
	r.want[kindStdout], r.want[kindStderr] = opts.Stdout, opts.Stderr
	if opts.Tail < 0 {
		return r, nil
	}
	j.mu.Lock()
	end := j.state.size
	j.mu.Unlock()
	r.pos, r.skip, err = tailStart(r.file, end, opts.Tail, r.want)
	if err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

// ReadRun reads and follows one run: the present one if it is active, else
// the next. It begins with the run's first output, or only with what comes
// from now on.
func (j *Journal) ReadRun(fromStart bool) (cardplane.LogReader, error) {
	r, err := j.newReader()
	if err != nil {
		return nil, err
	}
	r.want[kindStdout], r.want[kindStderr] = true, true
	r.follow, r.oneRun = true, true
	j.mu.Lock()
	defer j.mu.Unlock()
	r.pos = j.state.size
	if j.state.active && fromStart {
		r.pos = j.state.runStart
	}
	r.inRun = j.state.active
	return r, nil
}

func (j *Journal) newReader() (*reader, error) {
	file, err := os.Open(j.path)
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	return &reader{journal: j, file: file}, nil
}

// reader implements cardplane.LogReader. It has a file of its own, so that
// it outlives the journal's.
type reader struct {
	journal *Journal
	file    *os.File
	want    [kindRunEnd + 1]bool
	since   time.Time
	follow  bool
	oneRun  bool // end with the run, do not look at the journal's state
	inRun   bool // the record at pos belongs to the run that is read

	pos  int64
	skip int64 // bytes of the next output record to leave out
	buf  []byte
}

// Close implements cardplane.LogReader.
func (r *reader) Close() error { return r.file.Close() }

// Next implements cardplane.LogReader.
func (r *reader) Next(ctx context.Context) (cardplane.LogRecord, error) {
	for {
		if err := r.wait(ctx); err != nil {
			return cardplane.LogRecord{}, err
		}
		h, data, buf, err := readRecord(r.file, r.pos, r.buf)
		r.buf = buf
		if err != nil {
			return cardplane.LogRecord{}, fmt.Errorf("journal %s at %d: %w", r.journal.path, r.pos, err)
		}
		r.pos += h.size()
		if r.oneRun && h.kind == kindRunEnd && r.inRun {
			r.pos -= h.size() // stay at the end
			return cardplane.LogRecord{}, io.EOF
		}
		r.inRun = r.inRun || h.kind == kindRunBegin
		if rec, ok := r.record(h, data); ok {
			return rec, nil
		}
	}
}

// record turns a record of the file into one for the user, if it is wanted.
func (r *reader) record(h header, data []byte) (cardplane.LogRecord, bool) {
	if !h.kind.isOutput() || !r.want[h.kind] || h.time.Before(r.since) {
		return cardplane.LogRecord{}, false
	}
	skip := r.skip
	r.skip = 0
	if skip > 0 && skip >= int64(len(data)) {
		return cardplane.LogRecord{}, false
	}
	rec := cardplane.LogRecord{Stream: h.kind.stream(), Offset: h.offset + skip, Time: h.time, Data: data[skip:]}
	if skip == 0 {
		rec.Lost = h.lost
	}
	return rec, true
}

// wait returns once a record is at pos, or io.EOF where none will come.
func (r *reader) wait(ctx context.Context) error {
	for {
		r.journal.mu.Lock()
		st, closed, changed := r.journal.state, r.journal.closed, r.journal.changed
		r.journal.mu.Unlock()
		if r.pos < st.size {
			return ctx.Err()
		}
		over := st.runs > 0 && !st.active && !r.oneRun
		if !r.follow || closed || over {
			return io.EOF
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// tailStart walks back from end and returns the position of the record, and
// the number of its bytes to skip, with which the last lines begin.
func tailStart(file io.ReaderAt, end, lines int64, want [kindRunEnd + 1]bool) (pos, skip int64, err error) {
	if lines == 0 {
		return end, 0, nil
	}
	var buf []byte
	last := true // the newline that ends the last line begins no further line
	for pos = end; pos > 0; {
		size, err := sizeBefore(file, pos)
		if err != nil {
			return 0, 0, fmt.Errorf("tail of journal: %w", err)
		}
		pos -= size
		h, data, grown, err := readRecord(file, pos, buf)
		buf = grown
		if err != nil {
			return 0, 0, fmt.Errorf("tail of journal: %w", err)
		}
		if !h.kind.isOutput() || !want[h.kind] || len(data) == 0 {
			continue
		}
		if last && data[len(data)-1] == '\n' {
			lines++
		}
		last = false
		for at := len(data); ; lines-- {
			if at = bytes.LastIndexByte(data[:at], '\n'); at < 0 {
				break
			}
			if lines == 1 {
				return pos, int64(at) + 1, nil
			}
		}
	}
	return 0, 0, nil
}
