// Package event keeps the journal of what happened to images, containers and
// execs: a bounded, numbered list in the card's store, and the readers that
// follow it.
//
// Events are durable when Publish returns, or with the transaction that Recording
// made them a part of; their numbers have no gaps, and readers see them in order.
// A reader that falls behind the bound is told so, rather than let miss events
// that it cannot know of.
package event

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
	"go.etcd.io/bbolt"
)

var (
	_ cardplane.EventService   = (*Journal)(nil)
	_ cardplane.EventPublisher = (*Journal)(nil)
)

// bucket holds the events: big-endian sequence number to JSON.
var bucket = []byte("events")

// pageSize is how many events a reader takes from the store at once.
const pageSize = 128

// Journal implements [cardplane.EventService] and [cardplane.EventPublisher].
// It holds no goroutine and needs no Close; the database is its owner's.
type Journal struct {
	db    *bbolt.DB
	limit int
	now   func() time.Time

	mu      sync.Mutex
	changed chan struct{} // closed and replaced whenever there are new events
}

// Open returns the journal in db, which keeps the newest limit events.
func Open(db *bbolt.DB, limit int) (*Journal, error) {
	err := db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bucket)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open event journal: %w", err)
	}
	return &Journal{db: db, limit: limit, now: time.Now, changed: make(chan struct{})}, nil
}

// Publish implements [cardplane.EventPublisher].
func (j *Journal) Publish(_ context.Context, e cardplane.Event) error {
	if err := j.db.Update(j.Recording(e)); err != nil {
		return fmt.Errorf("record event %s of %s: %w", e.Type, e.Subject, err)
	}
	return nil
}

// Recording returns what records e in a transaction on the journal's database,
// together with what the event tells of, and wakes the readers once that is
// committed.
func (j *Journal) Recording(e cardplane.Event) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error {
		tx.OnCommit(j.announce)
		b := tx.Bucket(bucket)
		seq, err := b.NextSequence()
		if err != nil {
			return err
		}
		e.Sequence, e.Time = int64(seq), j.now().UTC()
		value, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if err := b.Put(key(e.Sequence), value); err != nil {
			return err
		}
		return trim(b, e.Sequence-int64(j.limit))
	}
}

// announce wakes the readers.
func (j *Journal) announce() {
	j.mu.Lock()
	defer j.mu.Unlock()
	close(j.changed)
	j.changed = make(chan struct{})
}

// trim deletes the events up to and including sequence number last.
func trim(b *bbolt.Bucket, last int64) error {
	c := b.Cursor()
	for k, _ := c.First(); k != nil && sequence(k) <= last; k, _ = c.First() {
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}

// Events implements [cardplane.EventService].
func (j *Journal) Events(_ context.Context, opts cardplane.EventOptions) (cardplane.EventReader, error) {
	r := &reader{journal: j, next: opts.Since + 1, opts: opts}
	err := j.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucket)
		newest := int64(b.Sequence())
		oldest := newest + 1
		if k, _ := b.Cursor().First(); k != nil {
			oldest = sequence(k)
		}
		switch {
		case opts.Since < 0:
			r.next = newest + 1
		case opts.Since == 0:
			r.next = oldest
		case opts.Since > newest:
			return apierr.New(apierr.InvalidArgument, "unknown_event", "there is no event %d yet, the newest is %d; begin with 0 for the oldest kept", opts.Since, newest).At("since")
		case r.next < oldest:
			return lost(r.next, oldest)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return r, nil
}

// lost is the error for an event that is no longer kept.
func lost(wanted, oldest int64) error {
	return apierr.New(apierr.FailedPrecondition, "events_lost",
		"events %d to %d are no longer kept; look at what there is now, and begin again after event %d", wanted, oldest-1, oldest-1)
}

// reader implements cardplane.EventReader.
type reader struct {
	journal *Journal
	next    int64
	opts    cardplane.EventOptions
	page    []cardplane.Event
}

// Close implements cardplane.EventReader.
func (r *reader) Close() error { return nil }

// Next implements cardplane.EventReader.
func (r *reader) Next(ctx context.Context) (cardplane.Event, error) {
	for {
		e, err := r.read(ctx)
		switch {
		case err != nil:
			return cardplane.Event{}, err
		case !r.opts.Until.IsZero() && !e.Time.Before(r.opts.Until):
			return cardplane.Event{}, io.EOF
		case !e.Time.Before(r.opts.From) && r.opts.Match(e):
			return e, nil
		}
	}
}

// read returns the next event, wanted or not.
func (r *reader) read(ctx context.Context) (cardplane.Event, error) {
	for len(r.page) == 0 {
		r.journal.mu.Lock()
		changed := r.journal.changed // taken before the look, so that no event is missed
		r.journal.mu.Unlock()
		if err := r.fill(); err != nil {
			return cardplane.Event{}, err
		}
		if len(r.page) > 0 {
			break
		}
		if err := r.wait(ctx, changed); err != nil {
			return cardplane.Event{}, err
		}
	}
	e := r.page[0]
	r.page, r.next = r.page[1:], e.Sequence+1
	return e, ctx.Err()
}

// wait returns once there may be another event, or io.EOF where none is to be
// waited for.
func (r *reader) wait(ctx context.Context, changed <-chan struct{}) error {
	if !r.opts.Follow {
		return io.EOF
	}
	var over <-chan time.Time
	if !r.opts.Until.IsZero() {
		timer := time.NewTimer(r.opts.Until.Sub(r.journal.now()))
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

// fill takes the next page from the store.
func (r *reader) fill() error {
	err := r.journal.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucket).Cursor()
		k, v := c.Seek(key(r.next))
		if k != nil && sequence(k) > r.next {
			return lost(r.next, sequence(k))
		}
		for ; k != nil && len(r.page) < pageSize; k, v = c.Next() {
			var e cardplane.Event
			if err := json.Unmarshal(v, &e); err != nil {
				return fmt.Errorf("event %d: %w", sequence(k), err)
			}
			r.page = append(r.page, e)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	return nil
}

func key(seq int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(seq)) }

func sequence(key []byte) int64 { return int64(binary.BigEndian.Uint64(key)) }
