package host

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// textFile is a file that is read from an offset.
type textFile struct {
	*strings.Reader
	base int64
}

func (f textFile) Offset() int64 { return f.base + f.Size() - int64(f.Len()) }

func textFrom(text string, offset int64) textFile {
	return textFile{strings.NewReader(text[offset:]), offset}
}

const (
	booting = "{\n  \"timestamp\": {\n    \"secs\": 0,\n    \"nanos\": 5\n  },\n  \"source\": \"vm\",\n  \"event\": \"booting\",\n  \"properties\": null\n}\n\n"
	removed = "{\n  \"timestamp\": {\n    \"secs\": 1,\n    \"nanos\": 6\n  },\n  \"source\": \"vm\",\n  \"event\": \"device-removed\",\n  \"properties\": {\n    \"id\": \"_disk0\"\n  }\n}\n\n"
)

func readEvents(file textFile) (names []string, offsets []int64, err error) {
	r := newEventReader(file)
	for {
		e, err := r.next()
		if err != nil {
			return names, offsets, err
		}
		names, offsets = append(names, e.Event), append(offsets, e.NextOffset)
	}
}

// Every event's offset resumes after it.
func TestEventOffsets(t *testing.T) {
	text := booting + removed + booting
	names, offsets, err := readEvents(textFrom(text, 0))
	if !errors.Is(err, io.EOF) || strings.Join(names, " ") != "booting device-removed booting" {
		t.Fatalf("%v, %v", names, err)
	}
	for i, offset := range offsets {
		rest, _, _ := readEvents(textFrom(text, offset))
		if len(rest) != len(names)-i-1 {
			t.Errorf("after event %d: %v", i, rest)
		}
	}
}

// Wherever a file was cut, whole events that follow are found, and a part at
// the end is left out.
func TestEventsOfACutFile(t *testing.T) {
	text := removed + booting
	for cut := range len(removed) - 2 {
		names, _, err := readEvents(textFrom(text, int64(cut)))
		want := "booting"
		if cut == 0 {
			want = "device-removed booting"
		}
		if got := strings.Join(names, " "); got != want && !(cut > 0 && strings.HasSuffix(got, want)) || !errors.Is(err, io.EOF) {
			t.Fatalf("cut at %d: %v, %v", cut, names, err)
		}
	}
	if names, _, err := readEvents(textFrom(booting+removed[:40], 0)); len(names) != 1 || !errors.Is(err, io.EOF) {
		t.Fatalf("cut at the end: %v, %v", names, err)
	}
}

func TestGarbageEvents(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":  booting + "garbage\n\n",
		"too long": booting + strings.Repeat("x", maxEvent+1),
		"an array": booting + "[1]\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			names, _, err := readEvents(textFrom(text, 0))
			if len(names) != 1 || err == nil || errors.Is(err, io.EOF) {
				t.Fatalf("%v, %v", names, err)
			}
		})
	}
}

func FuzzEvents(f *testing.F) {
	f.Add(booting + removed)
	f.Add("{}\n\n{}\n\n")
	f.Add("\n\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, offsets, err := readEvents(textFrom(text, 0))
		if err == nil {
			t.Fatal("no end")
		}
		for _, offset := range offsets {
			if offset <= 0 || offset > int64(len(text)) {
				t.Fatalf("offset %d of %d bytes", offset, len(text))
			}
		}
	})
}
