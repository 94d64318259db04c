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

	"github.com/cardplane/cardplane/cardplane"
)

// small are limits of a few records.
var small = Limits{FileBytes: 1 << 10, Files: 3}

func openSmall(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := Open(dir, small)
	must(t, err)
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func line(i int) string { return fmt.Sprintf("line %04d\n", i) }

// used returns the bytes and the number of the files in dir.
func used(t *testing.T, dir string) (size int64, files int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, entry := range entries {
		info, err := entry.Info()
		must(t, err)
		size += info.Size()
	}
	return size, len(entries)
}

// Whatever is written, a journal keeps to its limits, and to the newest
// output in order; offsets go on, also over a restart.
func TestRotation(t *testing.T) {
	dir := t.TempDir()
	j := openSmall(t, dir)
	must(t, j.BeginRun())
	const lines = 500
	for i := range lines {
		must(t, j.Append(cardplane.Stdout, []byte(line(i)), 0))
		if size, files := used(t, dir); size > small.FileBytes*int64(small.Files) || files > small.Files {
			t.Fatalf("after %d lines: %d bytes in %d files", i, size, files)
		}
		if i%97 == 0 {
			must(t, j.Close())
			j = openSmall(t, dir)
		}
		if got, want := j.RunOffset(cardplane.Stdout), int64(len(line(0))*(i+1)); got != want {
			t.Fatalf("after %d lines: offset %d, want %d", i, got, want)
		}
	}
	got := read(t, j, all)
	kept := strings.Count(got, "\n")
	var want strings.Builder
	for i := lines - kept; i < lines; i++ {
		want.WriteString(line(i))
	}
	if kept < 10 || got != want.String() {
		t.Fatalf("%d lines kept: %q", kept, got)
	}
	for _, n := range []int{1, 9, kept, kept + 100} {
		tail := all
		tail.Tail = int64(n)
		if got := read(t, j, tail); !strings.HasSuffix(want.String(), got) || strings.Count(got, "\n") != min(n, kept) {
			t.Errorf("tail %d: %q", n, got)
		}
	}
}

// A day of a program that writes without pause, seen at one write a second, takes
// no more disk than its limits say.
func TestDayOfRotation(t *testing.T) {
	dir := t.TempDir()
	limits := Limits{FileBytes: 1 << 20, Files: 3}
	j, err := Open(dir, limits)
	must(t, err)
	defer func() { _ = j.Close() }()
	must(t, j.BeginRun())
	chunk := bytes.Repeat([]byte("0123456789abcde\n"), 256)
	const seconds = 24 * 60 * 60
	for i := range seconds {
		must(t, j.Append(cardplane.Stdout, chunk, 0))
		if i%100 != 0 {
			continue
		}
		if size, files := used(t, dir); size > limits.FileBytes*int64(limits.Files) || files > limits.Files {
			t.Fatalf("after %d seconds: %d bytes in %d files", i, size, files)
		}
	}
	// Who was cut off at the beginning is told what it missed, to the byte.
	r, err := j.Read(cardplane.LogOptions{Stdout: true, Tail: -1, StdoutOffset: int64(len(chunk))})
	must(t, err)
	defer func() { _ = r.Close() }()
	rec, err := r.Next(t.Context())
	must(t, err)
	if rec.Lost == 0 || rec.Offset != int64(len(chunk))+rec.Lost {
		t.Errorf("%d lost before offset %d", rec.Lost, rec.Offset)
	}
}

// What a reader is told to be lost and what it gets add up to all.
func TestSlowReader(t *testing.T) {
	j := openSmall(t, t.TempDir())
	must(t, j.BeginRun())
	must(t, j.Append(cardplane.Stdout, []byte(line(0)), 0))
	slow, err := j.Read(all)
	must(t, err)
	defer func() { _ = slow.Close() }()
	if rec, err := slow.Next(t.Context()); err != nil || string(rec.Data) != line(0) {
		t.Fatalf("%q, %v", rec.Data, err)
	}
	for i := 1; i < 200; i++ {
		must(t, j.Append(cardplane.Stdout, []byte(line(i)), 0))
	}
	must(t, j.EndRun())
	got, lost := int64(len(line(0))), int64(0)
	for {
		rec, err := slow.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		if rec.Offset != got+lost+rec.Lost {
			t.Fatalf("offset %d after %d bytes and %d lost", rec.Offset, got, lost+rec.Lost)
		}
		got, lost = got+int64(len(rec.Data)), lost+rec.Lost
	}
	if want := int64(200 * len(line(0))); got+lost != want || lost == 0 {
		t.Fatalf("%d bytes and %d lost, want %d in all and some lost", got, lost, want)
	}
}

// A reader that keeps up sees everything across files.
func TestFollowAcrossFiles(t *testing.T) {
	j := openSmall(t, t.TempDir())
	attached, err := j.ReadRun(true)
	must(t, err)
	defer func() { _ = attached.Close() }()
	must(t, j.BeginRun())
	for i := range 200 {
		must(t, j.Append(cardplane.Stdout, []byte(line(i)), 0))
		rec, err := attached.Next(t.Context())
		if err != nil || string(rec.Data) != line(i) || rec.Lost > 0 {
			t.Fatalf("%d: %q, %d lost, %v", i, rec.Data, rec.Lost, err)
		}
	}
	must(t, j.EndRun())
	if _, err := attached.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Fatalf("at the end: %v", err)
	}
}

// A run whose beginning is deleted is read from the oldest that is left.
func TestReadRunWithoutItsBeginning(t *testing.T) {
	j := openSmall(t, t.TempDir())
	must(t, j.BeginRun())
	for i := range 200 {
		must(t, j.Append(cardplane.Stdout, []byte(line(i)), 0))
	}
	r, err := j.ReadRun(true)
	must(t, err)
	must(t, j.EndRun())
	if got := text(t, r, nil); !strings.HasSuffix(got, line(199)) || strings.Contains(got, line(0)) {
		t.Fatalf("%q", got)
	}
}

// A file whose making was cut off is made again; a record larger than a file
// has one of its own.
func TestCutOffFile(t *testing.T) {
	dir := t.TempDir()
	j := openSmall(t, dir)
	must(t, j.BeginRun())
	must(t, j.Append(cardplane.Stdout, []byte("kept"), 0))
	size := j.state.Size
	must(t, j.Close())
	for _, content := range []string{"", "torn", strings.Repeat("x", 500)} {
		must(t, os.WriteFile(filePath(dir, size), []byte(content), 0o600))
		j = openSmall(t, dir)
		if got := read(t, j, all); got != "kept" || j.RunOffset(cardplane.Stdout) != 4 {
			t.Fatalf("%q at %d", got, j.RunOffset(cardplane.Stdout))
		}
		must(t, j.Close())
	}
	j = openSmall(t, dir)
	big := bytes.Repeat([]byte("x"), 5<<10)
	must(t, j.Append(cardplane.Stdout, big, 0))
	must(t, j.Append(cardplane.Stdout, []byte("end"), 0))
	if got := read(t, j, all); got != "kept"+string(big)+"end" {
		t.Fatalf("%d bytes", len(got))
	}
}

// Reading on ends when the context does, also between files.
func TestRotationReaderContext(t *testing.T) {
	j := openSmall(t, t.TempDir())
	must(t, j.BeginRun())
	opts := all
	opts.Follow = true
	r, err := j.Read(opts)
	must(t, err)
	defer func() { _ = r.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}
