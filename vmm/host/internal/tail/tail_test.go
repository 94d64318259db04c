package tail

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// growing returns the path of an empty file and a function that appends to it.
func growing(t *testing.T) (path string, add func(string)) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "f")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return path, func(text string) {
		if _, err := f.WriteString(text); err != nil {
			t.Error(err)
		}
	}
}

func newWatcher(t *testing.T) *Watcher {
	t.Helper()
	w, err := NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// Several followers of several files see each byte once, in order, up to
// what was written before the end.
func TestFollow(t *testing.T) {
	w := newWatcher(t)
	ended := make(chan struct{})
	var all sync.WaitGroup
	var adds []func(string)
	want := strings.Repeat("0123456789\n", 2000)
	for range 3 {
		path, add := growing(t)
		adds = append(adds, add)
		for _, offset := range []int64{0, 5} {
			r, err := w.Follow(context.Background(), path, offset, ended)
			if err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				defer func() { _ = r.Close() }()
				got, err := io.ReadAll(r)
				if err != nil || string(got) != want[offset:] {
					t.Errorf("%d of %d bytes, %v", len(got), len(want), err)
				}
			})
		}
	}
	for line := range strings.Lines(want) {
		for _, add := range adds {
			add(line)
		}
	}
	close(ended)
	all.Wait()
}

func TestFollowEndsWithContext(t *testing.T) {
	w := newWatcher(t)
	path, _ := growing(t)
	ctx, cancel := context.WithCancel(context.Background())
	r, err := w.Follow(ctx, path, 0, make(chan struct{}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	cancel()
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// A file that its writer begins anew is read from its start.
func TestTruncated(t *testing.T) {
	w := newWatcher(t)
	path, add := growing(t)
	add("the first life")
	ended := make(chan struct{})
	r, err := w.Follow(context.Background(), path, 0, ended)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if _, err := io.ReadFull(r, make([]byte, len("the first life"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	add("the second")
	close(ended)
	if got, err := io.ReadAll(r); err != nil || string(got) != "the second" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestOpenDoesNotFollow(t *testing.T) {
	path, add := growing(t)
	add("abcdef")
	for offset, want := range map[int64]string{0: "abcdef", 4: "ef", 6: "", 100: ""} {
		r, err := Open(path, offset)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != want {
			t.Errorf("from %d: %q, %v", offset, got, err)
		}
		_ = r.Close()
	}
}

// Trimming frees space, keeps the newest bytes and their offsets, and a
// reader from the start goes on with what is left.
func TestTrim(t *testing.T) {
	path, add := growing(t)
	block := strings.Repeat("x", 1<<20)
	for range 3 * Keep >> 20 {
		add(block)
	}
	add("the end")
	if err := Trim(path); err != nil {
		t.Fatal(err)
	}
	if got, err := Last(path, 8); err != nil || string(got) != "xthe end" {
		t.Fatalf("%q, %v", got, err)
	}
	r, err := Open(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	got, err := io.ReadAll(r)
	if err != nil || len(got) < Keep || len(got) > 2*Keep || bytes.IndexByte(got, 0) >= 0 {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if Begin(path, 7) != 3*Keep {
		t.Fatalf("the length changed: %d", Begin(path, 0))
	}
}

func TestTrimLeavesSmallFiles(t *testing.T) {
	path, add := growing(t)
	add("small")
	if err := Trim(path); err != nil {
		t.Fatal(err)
	}
	if got, err := Last(path, 100); err != nil || string(got) != "small" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestLastLines(t *testing.T) {
	path, add := growing(t)
	add("one\r\n\n  \ntwo \xff\n" + strings.Repeat("z", 5000) + "\nfour")
	got := LastLines(path, 3, 1<<20)
	if len(got) != 3 || got[0] != "two \uFFFD" || len(got[1]) != maxLine || got[2] != "four" {
		t.Fatalf("%.80q", got)
	}
	if got := LastLines(filepath.Join(t.TempDir(), "absent"), 3, 10); got == nil || len(got) > 0 {
		t.Fatalf("%v", got)
	}
}

// One inotify instance serves any number of subscriptions, and a removed
// file's subscription can be closed.
func TestSubscriptions(t *testing.T) {
	w := newWatcher(t)
	path, add := growing(t)
	one, err := w.Watch(path)
	if err != nil {
		t.Fatal(err)
	}
	two, err := w.Watch(path)
	if err != nil {
		t.Fatal(err)
	}
	one.Close()
	add("x")
	<-two.C
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	two.Close()
	if _, err := w.Watch(path); err == nil {
		t.Fatal("watches what is not there")
	}
}
