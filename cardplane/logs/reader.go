package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/cardplane/cardplane/cardplane"
)

// Read begins to read the journal. With Follow it ends once a run has been
// and is over, or the journal is closed.
func (j *Journal) Read(opts cardplane.LogOptions) (cardplane.LogReader, error) {
	r := j.newReader(j.oldest())
	r.follow, r.since, r.until = opts.Follow, opts.Since, opts.Until
	r.from[kindStdout], r.from[kindStderr] = opts.StdoutOffset, opts.StderrOffset
	r.want[kindStdout], r.want[kindStderr] = opts.Stdout, opts.Stderr
	if opts.Tail < 0 {
		return r, nil
	}
	j.mu.Lock()
	end := j.state.Size
	j.mu.Unlock()
	var err error
	if r.pos, r.skip, err = tailStart(&r.files, r.pos, end, opts.Tail, r.want); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

// ReadRun reads and follows one run: the present one if it is active, else
// the next. It begins with the run's first output that is kept, or only with
// what comes from now on.
func (j *Journal) ReadRun(fromStart bool) (cardplane.LogReader, error) {
	r := j.newReader(0)
	r.want[kindStdout], r.want[kindStderr] = true, true
	r.follow, r.oneRun = true, true
	j.mu.Lock()
	defer j.mu.Unlock()
	r.pos = j.state.Size
	if j.state.Active && fromStart {
		r.pos = max(j.state.RunStart, j.starts[0])
	}
	r.inRun = j.state.Active
	return r, nil
}

func (j *Journal) newReader(pos int64) *reader {
	return &reader{journal: j, files: window{journal: j}, pos: pos}
}

// wanted says which kinds of output are wanted.
type wanted [kindStderr + 1]bool

// has reports whether h is output of a wanted kind.
func (w wanted) has(h header) bool { return h.kind.isOutput() && w[h.kind] }

// reader implements cardplane.LogReader. It has files of its own, so that it
// outlives the journal's.
type reader struct {
	journal *Journal
	files   window
	want    wanted
	since   time.Time
	until   time.Time // zero for none
	from    perKind   // offset of the first byte wanted
	follow  bool
	oneRun  bool // end with the run, do not look at the journal's state
	inRun   bool // the record at pos belongs to the run that is read

	pos  int64
	skip int64   // bytes of the next output record to leave out
	next perKind // offset that should come next, 0 while unknown
	buf  []byte
}

// Close implements cardplane.LogReader.
func (r *reader) Close() error { return r.files.Close() }

// Next implements cardplane.LogReader.
func (r *reader) Next(ctx context.Context) (cardplane.LogRecord, error) {
	for {
		if err := r.wait(ctx); err != nil {
			return cardplane.LogRecord{}, err
		}
		h, data, err := r.read()
		if err != nil {
			return cardplane.LogRecord{}, fmt.Errorf("journal %s at %d: %w", r.journal.dir, r.pos, err)
		}
		if r.oneRun && h.kind == kindRunEnd && r.inRun {
			r.pos -= h.size() // stay at the end
			return cardplane.LogRecord{}, io.EOF
		}
		if h.kind.isOutput() && !r.until.IsZero() && !h.time.Before(r.until) {
			return cardplane.LogRecord{}, io.EOF
		}
		r.inRun = r.inRun || h.kind == kindRunBegin
		if rec, ok := r.record(h, data); ok {
			return rec, nil
		}
	}
}

// read reads the record at pos and moves on. Where that is no longer kept, or
// was lost in a power cut, it goes on with the next file.
func (r *reader) read() (header, []byte, error) {
	for {
		h, data, buf, err := readRecord(&r.files, r.pos, r.buf)
		r.buf = buf
		if err == nil {
			r.pos += h.size()
			return h, data, nil
		}
		gone := errors.Is(err, fs.ErrNotExist)
		next, ok := r.journal.after(r.pos)
		if !ok || !gone && !errors.Is(err, errTorn) {
			return header{}, nil, err
		}
		r.pos = next
	}
}

// record turns a record of a file into one for the user, if it is wanted.
func (r *reader) record(h header, data []byte) (cardplane.LogRecord, bool) {
	if !h.kind.isOutput() {
		return cardplane.LogRecord{}, false
	}
	lost := h.lost
	if expected := r.next[h.kind]; expected > 0 {
		lost = max(h.offset-expected, 0) // deleted files included
	}
	r.next[h.kind] = h.offset + int64(h.length)
	from := r.from[h.kind]
	if !r.want[h.kind] || h.time.Before(r.since) || r.next[h.kind] <= from {
		return cardplane.LogRecord{}, false
	}
	if from > 0 {
		lost, r.from[h.kind] = max(h.offset-from, 0), 0
	}
	skip := max(r.skip, from-h.offset)
	r.skip = 0
	if skip > 0 && skip >= int64(len(data)) {
		return cardplane.LogRecord{}, false
	}
	rec := cardplane.LogRecord{Stream: h.kind.stream(), Offset: h.offset + skip, Time: h.time, Data: data[skip:]}
	if skip == 0 {
		rec.Lost = lost
	}
	return rec, true
}

// wait returns once a record is at pos, or io.EOF where none will come.
func (r *reader) wait(ctx context.Context) error {
	for {
		r.journal.mu.Lock()
		st, closed, changed := r.journal.state, r.journal.closed, r.journal.changed
		r.journal.mu.Unlock()
		if r.pos < st.Size {
			return ctx.Err()
		}
		over := st.Runs > 0 && !st.Active && !r.oneRun
		if !r.follow || closed || over {
			return io.EOF
		}
		if err := r.await(ctx, changed); err != nil {
			return err
		}
	}
}

// await waits for a change, or returns io.EOF once nothing more is wanted.
func (r *reader) await(ctx context.Context, changed <-chan struct{}) error {
	var over <-chan time.Time
	if !r.until.IsZero() {
		timer := time.NewTimer(r.until.Sub(r.journal.now()))
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-over:
		return io.EOF
	case <-changed:
		return nil
	}
}
