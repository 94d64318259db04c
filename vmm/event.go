package vmm

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/cardplane/cardplane/openapi/chapi"
)

// EventKind is source and name of an event, "vm:booted".
type EventKind string

// The events that a controller acts on. The VMM sends others too.
const (
	EventVMMStarting   EventKind = "vmm:starting"
	EventVMMShutdown   EventKind = "vmm:shutdown"
	EventBooting       EventKind = "vm:booting"
	EventBooted        EventKind = "vm:booted"
	EventPausing       EventKind = "vm:pausing"
	EventPaused        EventKind = "vm:paused"
	EventResuming      EventKind = "vm:resuming"
	EventResumed       EventKind = "vm:resumed"
	EventSnapshotting  EventKind = "vm:snapshotting"
	EventSnapshotted   EventKind = "vm:snapshotted"
	EventRestoring     EventKind = "vm:restoring"
	EventRestored      EventKind = "vm:restored"
	EventResizing      EventKind = "vm:resizing"
	EventResized       EventKind = "vm:resized"
	EventShutdown      EventKind = "vm:shutdown"
	EventRebooting     EventKind = "vm:rebooting"
	EventRebooted      EventKind = "vm:rebooted"
	EventDeleted       EventKind = "vm:deleted"
	EventDeviceRemoved EventKind = "vm:device-removed"
	EventGuestPanic    EventKind = "guest:panic"
)

// Event is one record of the event monitor.
type Event struct {
	// Time is counted from the start of the VMM.
	Time time.Duration
	// Kind is source and name.
	Kind EventKind
	// Properties are the event's details, id and bdf of a removed device for
	// example. It may be nil.
	Properties map[string]string
}

const (
	// maxEvent bounds one record. The largest real one has some 300 bytes.
	maxEvent = 64 << 10
	// maxEventLine bounds one line of a record.
	maxEventLine = 16 << 10
)

// ErrEventTooLong is returned for a line that no event has.
var ErrEventTooLong = errors.New("event monitor: line too long")

// EventDecoder reads the stream of `--event-monitor`: pretty-printed JSON
// objects, one after another. The VMM drops what does not fit into a full
// pipe, so a record may end anywhere; the decoder then skips it and goes on
// with the next one.
type EventDecoder struct {
	lines *bufio.Scanner
}

// NewEventDecoder returns a decoder of r.
func NewEventDecoder(r io.Reader) *EventDecoder {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), maxEventLine)
	return &EventDecoder{lines: lines}
}

// Next returns the next whole event. At the end of the stream it returns
// io.EOF, even when the last record is cut short.
func (d *EventDecoder) Next() (Event, error) {
	var record []byte
	for d.lines.Scan() {
		line := d.lines.Bytes()
		if string(line) == "{" || len(record)+len(line) > maxEvent {
			record = record[:0]
		}
		record = append(append(record, line...), '\n')
		if len(line) == 0 || line[len(line)-1] != '}' {
			continue
		}
		if e, ok := parseEvent(record); ok {
			return e, nil
		}
	}
	if err := d.lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return Event{}, ErrEventTooLong
	} else if err != nil {
		return Event{}, err
	}
	return Event{}, io.EOF
}

// recordStart is how every record begins, for finding one that follows a
// record which was cut in the middle of a line.
var recordStart = []byte("{\n  \"timestamp\"")

// parseEvent parses record, or the last record that begins within it.
func parseEvent(record []byte) (Event, bool) {
	if e, ok := parseWhole(record); ok {
		return e, true
	}
	if i := bytes.LastIndex(record, recordStart); i > 0 {
		return parseWhole(record[i:])
	}
	return Event{}, false
}

func parseWhole(record []byte) (Event, bool) {
	var raw chapi.Event
	if json.Unmarshal(record, &raw) != nil || raw.Source == "" || raw.Event == "" {
		return Event{}, false
	}
	at := time.Duration(raw.Timestamp.Secs)*time.Second + time.Duration(raw.Timestamp.Nanos)
	return Event{Time: at, Kind: EventKind(raw.Source + ":" + raw.Event), Properties: raw.Properties}, true
}
