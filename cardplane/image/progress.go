package image

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/cardplane/cardplane/cardplane"
)

// progressPause is the least time between two looks at a board, so that what
// changes often is not told often.
const progressPause = 100 * time.Millisecond

// board shows the latest progress of one piece of work to all who wait for it.
type board struct {
	mu      sync.Mutex
	notes   []note        // in the order in which the steps began
	version int           // of the last change
	changed chan struct{} // closed and replaced at every change
}

type note struct {
	cardplane.ImageProgress
	version int
}

func newBoard() *board { return &board{changed: make(chan struct{})} }

// put is a [cardplane.ProgressFunc].
func (b *board) put(p cardplane.ImageProgress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.version++
	close(b.changed)
	b.changed = make(chan struct{})
	for n := range b.notes {
		if b.notes[n].Step == p.Step && b.notes[n].Subject == p.Subject {
			b.notes[n] = note{p, b.version}
			return
		}
	}
	b.notes = append(b.notes, note{p, b.version})
}

// tell tells report what has changed since the given version. It returns the
// version now and a channel that is closed with the next change.
func (b *board) tell(report cardplane.ProgressFunc, since int) (version int, changed <-chan struct{}) {
	b.mu.Lock()
	var news []cardplane.ImageProgress
	for _, n := range b.notes {
		if n.version > since {
			news = append(news, n.ImageProgress)
		}
	}
	version, changed = b.version, b.changed
	b.mu.Unlock()
	for _, p := range news {
		report(p)
	}
	return version, changed
}

// follow tells report what changes until done is closed, to the end, or until
// ctx is done. Without a report it only waits.
func (b *board) follow(ctx context.Context, done <-chan struct{}, report cardplane.ProgressFunc) error {
	var version int
	var changed <-chan struct{}
	for {
		if report != nil {
			version, changed = b.tell(report, version)
		}
		select {
		case <-done:
			if report != nil {
				b.tell(report, version)
			}
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
		select {
		case <-done:
		case <-ctx.Done():
		case <-time.After(progressPause):
		}
	}
}

// meter counts what is read for a step.
type meter struct {
	mu       sync.Mutex
	progress cardplane.ImageProgress
	report   cardplane.ProgressFunc
}

func newMeter(report cardplane.ProgressFunc, step cardplane.ImageStep, subject string, total int64) *meter {
	m := &meter{progress: cardplane.ImageProgress{Step: step, Subject: subject, Total: total}, report: report}
	report(m.progress)
	return m
}

// add counts n more bytes, but never beyond the total.
func (m *meter) add(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.progress.Current = min(m.progress.Current+n, m.progress.Total)
	m.report(m.progress)
}

// set begins again at n.
func (m *meter) set(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.progress.Current = n
	m.report(m.progress)
}

// finish makes the step done, although parts needed no reading.
func (m *meter) finish() { m.add(m.progress.Total) }

// reader counts what is read from r.
func (m *meter) reader(r io.Reader) io.Reader { return meteredReader{r, m} }

type meteredReader struct {
	r io.Reader
	m *meter
}

func (r meteredReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if n > 0 {
		r.m.add(int64(n))
	}
	return n, err
}
