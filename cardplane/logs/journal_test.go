package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var all = cardplane.LogOptions{Stdout: true, Stderr: true, Tail: -1}

// large are limits that no test reaches.
var large = Limits{FileBytes: 1 << 30, Files: 2}

func open(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := Open(dir, large)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// text reads r to its end and renders each stream's bytes.
func text(t *testing.T, r cardplane.LogReader, err error) string {
	t.Helper()
	must(t, err)
	defer func() { _ = r.Close() }()
	var b strings.Builder
	for {
		rec, err := r.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		must(t, err)
		if rec.Lost > 0 {
			fmt.Fprintf(&b, "<%d lost>", rec.Lost)
		}
		b.Write(rec.Data)
	}
}

func read(t *testing.T, j *Journal, opts cardplane.LogOptions) string {
	t.Helper()
	r, err := j.Read(opts)
	return text(t, r, err)
}

func TestAppendReadReopen(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	must(t, j.BeginRun())
	must(t, j.Append(cardplane.Stdout, []byte("one\n"), 0))
	must(t, j.Append(cardplane.Stderr, []byte("err\n"), 0))
	must(t, j.Append(cardplane.Stdout, []byte("two\n"), 7))
	if got := j.RunOffset(cardplane.Stdout); got != 4+7+4 {
		t.Fatalf("offset %d", got)
	}
	must(t, j.Close())
	if err := j.Append(cardplane.Stdout, []byte("x"), 0); !errors.Is(err, os.ErrClosed) {
		t.Fatalf("append after close: %v", err)
	}

	j = open(t, dir)
	if got := j.RunOffset(cardplane.Stdout); got != 15 {
		t.Fatalf("offset after reopen %d", got)
	}
	if got := read(t, j, all); got != "one\nerr\n<7 lost>two\n" {
		t.Fatalf("read %q", got)
	}
	if got := read(t, j, cardplane.LogOptions{Stderr: true, Tail: -1}); got != "err\n" {
		t.Fatalf("stderr %q", got)
	}
	must(t, j.EndRun())
	must(t, j.BeginRun())
	if got := j.RunOffset(cardplane.Stdout); got != 0 {
		t.Fatalf("a new run begins at %d", got)
	}
	must(t, j.Append(cardplane.Stdout, []byte("three\n"), 0))
	r, err := j.Read(all)
	must(t, err)
	defer func() { _ = r.Close() }()
	var last cardplane.LogRecord
	for rec, err := r.Next(context.Background()); err == nil; rec, err = r.Next(context.Background()) {
		last = rec
	}
	if last.Offset != 15 {
		t.Fatalf("the second run's first byte has offset %d, want 15", last.Offset)
	}
}

func TestTornTailIsCutOff(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	must(t, j.BeginRun())
	must(t, j.Append(cardplane.Stdout, []byte("kept"), 0))
	must(t, j.Append(cardplane.Stdout, []byte("torn"), 0))
	must(t, j.Close())
	path := filePath(dir, 0)
	whole, err := os.ReadFile(path)
	must(t, err)
	for cut := 1; cut < headerSize+4+trailerSize; cut++ {
		must(t, os.WriteFile(path, whole[:len(whole)-cut], 0o600))
		j := open(t, dir)
		if got := read(t, j, all); got != "kept" {
			t.Fatalf("cut %d: %q", cut, got)
		}
		must(t, j.Append(cardplane.Stdout, []byte("+"), 0))
		if got := read(t, j, all); got != "kept+" {
			t.Fatalf("cut %d, after append: %q", cut, got)
		}
		must(t, j.Close())
	}
}

func TestTail(t *testing.T) {
	j := open(t, t.TempDir())
	must(t, j.BeginRun())
	must(t, j.Append(cardplane.Stdout, []byte("a\nb\nc"), 0))
	must(t, j.Append(cardplane.Stderr, []byte("E\n"), 0))
	must(t, j.Append(cardplane.Stdout, []byte("c\nd\n"), 0))
	must(t, j.EndRun())
	for _, tc := range []struct {
		lines  int64
		stderr bool
		want   string
	}{
		{0, true, ""}, {1, false, "d\n"}, {2, false, "cc\nd\n"}, {3, false, "b\ncc\nd\n"},
		{99, false, "a\nb\ncc\nd\n"}, {-1, true, "a\nb\ncE\nc\nd\n"}, {3, true, "cE\nc\nd\n"}, // lines are counted across the streams, as received
	} {
		got := read(t, j, cardplane.LogOptions{Stdout: true, Stderr: tc.stderr, Tail: tc.lines})
		if got != tc.want {
			t.Errorf("tail %d: %q, want %q", tc.lines, got, tc.want)
		}
	}
}

func TestSince(t *testing.T) {
	j := open(t, t.TempDir())
	clock := time.Unix(1000, 0)
	j.now = func() time.Time { return clock }
	must(t, j.Append(cardplane.Stdout, []byte("old"), 0))
	clock = clock.Add(time.Minute)
	must(t, j.Append(cardplane.Stdout, []byte("new"), 0))
	opts := all
	opts.Since = clock
	if got := read(t, j, opts); got != "new" {
		t.Fatalf("since: %q", got)
	}
}

func TestFollowEndsWithTheRun(t *testing.T) {
	j := open(t, t.TempDir())
	opts := all
	opts.Follow = true
	follower, err := j.Read(opts)
	must(t, err)
	attached, err := j.ReadRun(true)
	must(t, err)
	done := make(chan string, 2)
	for _, r := range []cardplane.LogReader{follower, attached} {
		go func() { done <- text(t, r, nil) }()
	}
	must(t, j.BeginRun())
	big := bytes.Repeat([]byte("x"), 2*maxData+1)
	must(t, j.Append(cardplane.Stdout, big, 0))
	must(t, j.EndRun())
	for range 2 {
		if got := <-done; got != string(big) {
			t.Fatalf("followed %d bytes, want %d", len(got), len(big))
		}
	}
}

func TestReadRunSeesOneRunOnly(t *testing.T) {
	j := open(t, t.TempDir())
	must(t, j.BeginRun())
	must(t, j.Append(cardplane.Stdout, []byte("first"), 0))
	fromNow, err := j.ReadRun(false)
	must(t, err)
	must(t, j.Append(cardplane.Stdout, []byte(" more"), 0))
	must(t, j.EndRun())
	next, err := j.ReadRun(true)
	must(t, err)
	must(t, j.BeginRun())
	must(t, j.Append(cardplane.Stdout, []byte("second"), 0))
	must(t, j.EndRun())
	if got := text(t, fromNow, nil); got != " more" {
		t.Errorf("from now: %q", got)
	}
	if got := text(t, next, nil); got != "second" {
		t.Errorf("next run: %q", got)
	}
}

func TestWaitingReadersEnd(t *testing.T) {
	j := open(t, t.TempDir())
	r, err := j.ReadRun(true)
	must(t, err)
	defer func() { _ = r.Close() }()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled: %v", err)
	}
	got := make(chan error)
	go func() { _, err := r.Next(context.Background()); got <- err }()
	must(t, j.Close())
	if err := <-got; !errors.Is(err, io.EOF) {
		t.Fatalf("closed: %v", err)
	}
}

// FuzzOpen opens files of any content: whatever stands in them, the journal
// can be read to its end and written to.
func FuzzOpen(f *testing.F) {
	fresh, err := (&state{}).encode()
	if err != nil {
		f.Fatal(err)
	}
	begin := appendRecord(nil, header{kind: kindCheckpoint}, fresh)
	one := appendRecord(begin, header{kind: kindStdout, time: time.Unix(1, 0)}, []byte("hello\n"))
	f.Add(one)
	f.Add(append(one, one[:20]...))
	f.Add([]byte("garbage"))
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		must(t, os.WriteFile(filePath(dir, 0), content, 0o600))
		j := open(t, dir)
		_ = read(t, j, all)
		tail := all
		tail.Tail = 1
		_ = read(t, j, tail)
		must(t, j.Append(cardplane.Stdout, []byte("\nlast\n"), 0))
		if got := read(t, j, tail); got != "last\n" {
			t.Fatalf("tail %q", got)
		}
	})
}

// Who goes on at an offset gets every byte after it once.
func TestReadFromOffset(t *testing.T) {
	j := open(t, t.TempDir())
	must(t, j.BeginRun())
	must(t, j.Append(cardplane.Stdout, []byte("0123456789"), 0))
	must(t, j.Append(cardplane.Stderr, []byte("abc"), 0))
	must(t, j.Append(cardplane.Stdout, []byte("ABCDEF"), 0))
	for offset := range int64(17) {
		want := "0123456789ABCDEF"[offset:]
		if got := read(t, j, cardplane.LogOptions{Stdout: true, Tail: -1, StdoutOffset: offset}); got != want {
			t.Errorf("from %d: %q, want %q", offset, got, want)
		}
	}
	if got := read(t, j, cardplane.LogOptions{Stdout: true, Stderr: true, Tail: -1, StdoutOffset: 16, StderrOffset: 1}); got != "bc" {
		t.Errorf("stderr from 1: %q", got)
	}
}

func TestUntil(t *testing.T) {
	j := open(t, t.TempDir())
	now := time.Unix(1000, 0)
	j.now = func() time.Time { return now }
	must(t, j.BeginRun())
	must(t, j.Append(cardplane.Stdout, []byte("early "), 0))
	now = now.Add(time.Second)
	must(t, j.Append(cardplane.Stdout, []byte("late"), 0))
	for until, want := range map[time.Time]string{time.Unix(1000, 0): "", now: "early ", now.Add(1): "early late"} {
		opts := all
		opts.Until, opts.Follow = until, true
		now = until // so that nothing more can come
		if got := read(t, j, opts); got != want {
			t.Errorf("until %v: %q, want %q", until, got, want)
		}
	}
}
