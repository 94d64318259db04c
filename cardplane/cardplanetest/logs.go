package cardplanetest

import (
	"bytes"
	"context"
	"io"

	"github.com/cardplane/cardplane/cardplane"
)

// logLocked journals output of c.
func (m *Memory) logLocked(c *container, stream cardplane.Stream, data []byte) {
	c.log = append(c.log, cardplane.LogRecord{Stream: stream, Offset: c.offsets[stream], Time: m.nowLocked(), Data: data})
	c.offsets[stream] += int64(len(data))
}

// logReader reads c's journal from index next on.
type logReader struct {
	m    *Memory
	c    *container
	opts cardplane.LogOptions
	head []cardplane.LogRecord // what the options leave of the records before next
	next int
}

func (s *containerService) Logs(_ context.Context, ref string, opts cardplane.LogOptions) (cardplane.LogReader, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err != nil {
		return nil, err
	}
	r := &logReader{m: m, c: c, opts: opts, next: len(c.log)}
	for _, record := range c.log {
		if r.wanted(record) {
			r.head = append(r.head, r.rest(record))
		}
	}
	if opts.Tail >= 0 {
		r.head = lastLines(r.head, opts.Tail)
	}
	return r, nil
}

func (r *logReader) wanted(record cardplane.LogRecord) bool {
	return (record.Stream == cardplane.Stdout && r.opts.Stdout || record.Stream == cardplane.Stderr && r.opts.Stderr) &&
		!record.Time.Before(r.opts.Since) && (r.opts.Until.IsZero() || record.Time.Before(r.opts.Until)) &&
		record.Offset+int64(len(record.Data)) > r.from(record.Stream)
}

func (r *logReader) from(stream cardplane.Stream) int64 {
	if stream == cardplane.Stderr {
		return r.opts.StderrOffset
	}
	return r.opts.StdoutOffset
}

// rest leaves out what is before the offset asked for.
func (r *logReader) rest(record cardplane.LogRecord) cardplane.LogRecord {
	if skip := r.from(record.Stream) - record.Offset; skip > 0 {
		record.Offset, record.Data = record.Offset+skip, record.Data[skip:]
	}
	return record
}

// lastLines returns the end of records that holds n lines.
func lastLines(records []cardplane.LogRecord, n int64) []cardplane.LogRecord {
	// The newline that ends the last line begins no further one.
	n++
	for i := len(records) - 1; i >= 0; i-- {
		record := records[i]
		for end := len(record.Data); ; {
			at := bytes.LastIndexByte(record.Data[:end], '\n')
			if at < 0 {
				break
			}
			if n--; n == 0 {
				record.Offset += int64(at + 1)
				record.Data = record.Data[at+1:]
				return append([]cardplane.LogRecord{record}, records[i+1:]...)
			}
			end = at
		}
	}
	return records
}

func (r *logReader) Next(ctx context.Context) (cardplane.LogRecord, error) {
	for len(r.head) > 0 {
		record := r.head[0]
		r.head = r.head[1:]
		if len(record.Data) > 0 {
			return record, nil
		}
	}
	if until := r.opts.Until; !until.IsZero() {
		limited, cancel := context.WithDeadlineCause(ctx, until, io.EOF)
		defer cancel()
		ctx = limited
	}
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	for {
		if !r.opts.Follow && r.next >= len(r.c.log) {
			return cardplane.LogRecord{}, io.EOF
		}
		ready := func() bool { return r.next < len(r.c.log) || r.c.State.Ended() || r.c.removed }
		if err := r.m.untilLocked(ctx, ready); err != nil {
			return cardplane.LogRecord{}, err
		}
		if r.next >= len(r.c.log) {
			return cardplane.LogRecord{}, io.EOF
		}
		record := r.c.log[r.next]
		r.next++
		if r.opts.Follow && r.wanted(record) {
			return r.rest(record), nil
		}
	}
}

func (r *logReader) Close() error { return nil }
