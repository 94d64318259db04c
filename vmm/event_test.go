package vmm

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// record is an event as the VMM writes it.
func record(source, event, properties string) string {
	return fmt.Sprintf("{\n  \"timestamp\": {\n    \"secs\": 1,\n    \"nanos\": 500000000\n  },\n  \"source\": %q,\n  \"event\": %q,\n  \"properties\": %s\n}\n\n", source, event, properties)
}

func decodeAll(t *testing.T, text string) []Event {
	t.Helper()
	var out []Event
	d := NewEventDecoder(strings.NewReader(text))
	for {
		e, err := d.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
}

func TestEvents(t *testing.T) {
	booted := record("vm", "booted", "null")
	removed := record("vm", "device-removed", "{\n    \"id\": \"hot\",\n    \"bdf\": \"0000:00:06.0\"\n  }")
	for _, tc := range []struct {
		name, text string
		want       []EventKind
	}{
		{"two", booted + removed, []EventKind{EventBooted, EventDeviceRemoved}},
		{"compact", `{"timestamp":{"secs":0,"nanos":1},"source":"vm","event":"booted","properties":null}` + "\n", []EventKind{EventBooted}},
		{"cut at the end", booted + removed[:50], []EventKind{EventBooted}},
		{"cut at a line", booted[:30] + "\n" + removed, []EventKind{EventDeviceRemoved}},
		{"cut in a line", booted[:40] + removed, []EventKind{EventDeviceRemoved}},
		{"cut in a string", booted[:strings.Index(booted, "oted")] + removed, []EventKind{EventDeviceRemoved}},
		{"beginning lost", booted[60:] + removed, []EventKind{EventDeviceRemoved}},
		{"garbage", "}}}\n{\n}\n" + booted, []EventKind{EventBooted}},
		{"nothing", "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := decodeAll(t, tc.text)
			if len(got) != len(tc.want) {
				t.Fatalf("got %v, want %v", got, tc.want)
			}
			for i := range got {
				if got[i].Kind != tc.want[i] {
					t.Fatalf("got %v, want %v", got, tc.want)
				}
			}
		})
	}
}

func TestEventDetails(t *testing.T) {
	got := decodeAll(t, record("guest", "panic", "{\n    \"event\": \"panic\"\n  }"))
	if len(got) != 1 || got[0].Time != 1500*time.Millisecond || got[0].Properties["event"] != "panic" || got[0].Kind != EventGuestPanic {
		t.Fatalf("got %+v", got)
	}
}

func TestEventTooLong(t *testing.T) {
	d := NewEventDecoder(strings.NewReader(strings.Repeat("x", maxEventLine+1)))
	if _, err := d.Next(); !errors.Is(err, ErrEventTooLong) {
		t.Fatalf("got %v", err)
	}
}

// Whatever comes before it, an event that starts a line of its own is found.
func FuzzEventDecoder(f *testing.F) {
	f.Add("")
	f.Add(record("vm", "booted", "null"))
	f.Add(record("vm", "booted", "null")[:40])
	f.Add("{\n{\n}\n}")
	f.Fuzz(func(t *testing.T, noise string) {
		if strings.Count(noise, "") > maxEventLine {
			return
		}
		d := NewEventDecoder(strings.NewReader(noise + "\n" + record("fuzz", "last", "null")))
		var last Event
		for {
			e, err := d.Next()
			if err != nil {
				break
			}
			last = e
		}
		if last.Kind != "fuzz:last" {
			t.Fatalf("last event %+v", last)
		}
	})
}
