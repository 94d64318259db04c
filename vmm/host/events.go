package host

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/cardplane/cardplane/openapi/hostapi"
)

// maxEvent bounds one event of the monitor, in bytes.
const maxEvent = 64 << 10

// offsetReader is a file that is read from some offset.
type offsetReader interface {
	io.Reader
	// Offset returns where the next Read begins.
	Offset() int64
}

// eventReader reads Cloud Hypervisor's event monitor: JSON objects over
// several lines, each followed by an empty line.
type eventReader struct {
	file  offsetReader
	lines *bufio.Reader
	// whole says that an event has begun where the last one ended.
	whole bool
}

func newEventReader(file offsetReader) *eventReader {
	return &eventReader{file: file, lines: bufio.NewReaderSize(file, 4096)}
}

// next returns the next event. A part of an event at the end, or at the start
// where the file has been trimmed, is left out. io.EOF means that there are
// no more; any other error that the monitor cannot be read.
func (e *eventReader) next() (hostapi.VMEvent, error) {
	for {
		text, err := e.paragraph()
		if err != nil {
			return hostapi.VMEvent{}, err
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		wasWhole := e.whole
		e.whole = true
		var event hostapi.VMEvent
		err = json.Unmarshal(text, &event)
		if err != nil && !wasWhole {
			continue // the rest of an event that was cut
		}
		if err != nil {
			return hostapi.VMEvent{}, fmt.Errorf("event monitor: %w", err)
		}
		event.NextOffset = e.file.Offset() - int64(e.lines.Buffered())
		return event, nil
	}
}

// paragraph returns the text up to the next empty line.
func (e *eventReader) paragraph() ([]byte, error) {
	var text []byte
	for {
		line, err := e.lines.ReadSlice('\n')
		text = append(text, line...)
		if len(text) > maxEvent {
			return nil, fmt.Errorf("event monitor: an event has more than %d bytes", maxEvent)
		}
		switch {
		case err == bufio.ErrBufferFull:
		case err != nil:
			return nil, err
		case len(line) == 1:
			return text, nil
		}
	}
}
