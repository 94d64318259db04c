package chvmm

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm"
)

// Monitor writes the events of `--event-monitor`. A nil Monitor drops them.
type Monitor struct {
	mu    sync.Mutex
	w     io.Writer
	start time.Time
}

// NewMonitor returns a Monitor that writes to w, one Write per event, and
// counts time from now. Errors of w are ignored, as the real VMM does: a
// monitor that nobody drains must not stop a VM.
func NewMonitor(w io.Writer) *Monitor { return &Monitor{w: w, start: time.Now()} }

// record is chapi.Event with its fields in the order of the real VMM, and
// properties even where there are none.
type record struct {
	Timestamp  timestamp         `json:"timestamp"`
	Source     string            `json:"source"`
	Event      string            `json:"event"`
	Properties map[string]string `json:"properties"`
}

type timestamp struct {
	Secs  int64 `json:"secs"`
	Nanos int32 `json:"nanos"`
}

// Emit writes an event.
func (m *Monitor) Emit(kind vmm.EventKind, properties map[string]string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	since := time.Since(m.start)
	source, event, _ := strings.Cut(string(kind), ":")
	text, err := json.MarshalIndent(record{
		Timestamp:  timestamp{Secs: int64(since / time.Second), Nanos: int32(since % time.Second)},
		Source:     source,
		Event:      event,
		Properties: properties,
	}, "", "  ")
	if err != nil {
		return
	}
	_, _ = m.w.Write(append(text, '\n', '\n'))
}

// fdWriter writes without blocking and without the runtime's poller, so that
// a full pipe loses events instead of stopping the VMM.
type fdWriter int

func (fd fdWriter) Write(p []byte) (int, error) { return unix.Write(int(fd), p) }

// OpenMonitor opens the argument of `--event-monitor`, "path=<p>" or "fd=<n>".
func OpenMonitor(arg string) (*Monitor, error) {
	opts, err := ParseOptions(arg, "path", "fd")
	if err != nil {
		return nil, err
	}
	fd, err := monitorFD(opts)
	if err != nil {
		return nil, fmt.Errorf("event monitor: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("event monitor: %w", err)
	}
	return NewMonitor(fdWriter(fd)), nil
}

// monitorFD opens a path for appending, so that a supervisor may cut the file
// back.
func monitorFD(opts map[string]string) (int, error) {
	if n, ok := opts["fd"]; ok {
		fd, err := parseFD(n)
		if err == nil {
			unix.CloseOnExec(fd)
		}
		return fd, err
	}
	path, ok := opts["path"]
	if !ok {
		return 0, fmt.Errorf("path= or fd= is missing")
	}
	fd, err := unix.Open(path, unix.O_CREAT|unix.O_TRUNC|unix.O_WRONLY|unix.O_APPEND|unix.O_CLOEXEC, 0o666)
	if err != nil {
		return 0, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, nil
}
