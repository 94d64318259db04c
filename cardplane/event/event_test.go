package event_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/event"
	"github.com/cardplane/cardplane/openapi/apierr"
	"go.etcd.io/bbolt"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, path string, limit int) *event.Journal {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	j, err := event.Open(db, limit)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func publish(t *testing.T, j *event.Journal, n int) {
	t.Helper()
	for i := range n {
		if err := j.Publish(context.Background(), cardplane.Event{Type: cardplane.ContainerStarted, Subject: strconv.Itoa(i)}); err != nil {
			t.Error(err)
		}
	}
}

// sequences reads up to n events, or to the end.
func sequences(t *testing.T, j *event.Journal, opts cardplane.EventOptions, n int) (got []int64) {
	t.Helper()
	r, err := j.Events(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	for len(got) < n {
		e, err := r.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e.Time.IsZero() {
			t.Error("event without a time")
		}
		got = append(got, e.Sequence)
	}
	return got
}

func wantRun(t *testing.T, got []int64, first, last int64) {
	t.Helper()
	if int64(len(got)) != last-first+1 {
		t.Fatalf("got %d events %v, want %d to %d", len(got), got, first, last)
	}
	for i, seq := range got {
		if seq != first+int64(i) {
			t.Fatalf("gap in %v", got)
		}
	}
}

func TestBoundAndSince(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "db"), 200)
	publish(t, j, 500)
	wantRun(t, sequences(t, j, cardplane.EventOptions{}, 1000), 301, 500)
	wantRun(t, sequences(t, j, cardplane.EventOptions{Since: 490}, 1000), 491, 500)
	if got := sequences(t, j, cardplane.EventOptions{Since: -1}, 1000); len(got) != 0 {
		t.Fatalf("from now on: %v", got)
	}
}

// Who asks for what is no longer kept is told so, and does not miss it unawares.
func TestLostEvents(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "db"), 200)
	publish(t, j, 500)
	for since, code := range map[int64]string{299: "events_lost", 1: "events_lost", 501: "unknown_event"} {
		if _, err := j.Events(t.Context(), cardplane.EventOptions{Since: since}); !apierr.Is(err, code) {
			t.Errorf("since %d: %v", since, err)
		}
	}
	wantRun(t, sequences(t, j, cardplane.EventOptions{Since: 300}, 1), 301, 301)
	slow, err := j.Events(t.Context(), cardplane.EventOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if e, err := slow.Next(t.Context()); err != nil || e.Sequence != 301 {
		t.Fatal(e, err)
	}
	publish(t, j, 400)
	for err == nil {
		var e cardplane.Event
		if e, err = slow.Next(t.Context()); err == nil && e.Sequence > 500 {
			t.Fatalf("a gap before %d", e.Sequence)
		}
	}
	if !apierr.Is(err, "events_lost") {
		t.Fatal(err)
	}
}

func TestFollow(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "db"), 10_000)
	publish(t, j, 3)
	done := make(chan []int64)
	for range 2 {
		go func() { done <- sequences(t, j, cardplane.EventOptions{Since: 2, Follow: true}, 200) }()
	}
	publish(t, j, 199)
	for range 2 {
		wantRun(t, <-done, 3, 202)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r, err := j.Events(ctx, cardplane.EventOptions{Since: -1, Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := r.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled reader: %v", err)
	}
}
