package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/machine"
	"github.com/cardplane/cardplane/vmm/host/internal/tail"
)

const (
	defaultTail = 64 << 10
	maxTail     = 1 << 20
	streamBlock = 32 << 10
)

// ReadConsole implements hostapi.StrictServerInterface.
func (a api) ReadConsole(ctx context.Context, r hostapi.ReadConsoleRequestObject) (hostapi.ReadConsoleResponseObject, error) {
	p := r.Params
	return a.readFile(ctx, r.Id, func(f machine.Files) string { return f.Console }, span{p.Bytes, p.Offset, p.Follow})
}

// ReadLog implements hostapi.StrictServerInterface.
func (a api) ReadLog(ctx context.Context, r hostapi.ReadLogRequestObject) (hostapi.ReadLogResponseObject, error) {
	p := r.Params
	return a.readFile(ctx, r.Id, func(f machine.Files) string { return f.Log }, span{p.Bytes, p.Offset, p.Follow})
}

// StreamEvents implements hostapi.StrictServerInterface.
func (a api) StreamEvents(ctx context.Context, r hostapi.StreamEventsRequestObject) (hostapi.StreamEventsResponseObject, error) {
	var begin int64
	if r.Params.Offset != nil {
		begin = *r.Params.Offset
	}
	follow := true
	body, err := a.readFile(ctx, r.Id, func(f machine.Files) string { return f.Events }, span{offset: &begin, follow: &follow})
	if err != nil {
		return nil, err
	}
	return eventStream(body), nil
}

// span says which bytes of a file are wanted: from offset, or else the last
// bytes, and whether also those to come.
type span struct {
	bytes, offset *int64
	follow        *bool
}

// readFile opens a file of a VM for a response.
func (s *Server) readFile(ctx context.Context, id string, choose func(machine.Files) string, want span) (byteStream, error) {
	files, err := s.machines.Files(id)
	if err != nil {
		return byteStream{}, err
	}
	path := choose(files)
	begin, err := want.begin(path)
	if err != nil {
		return byteStream{}, err
	}
	var r *tail.Reader
	if want.follow != nil && *want.follow {
		r, err = s.watcher.Follow(ctx, path, begin, files.Exited)
	} else {
		r, err = tail.Open(path, begin)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return byteStream{}, apierr.New(apierr.Unavailable, "vm_not_ready",
			"VM %q is being started or deleted; try again", id)
	}
	return byteStream{r}, err
}

// begin returns the offset at which the span begins.
func (w span) begin(path string) (int64, error) {
	if w.offset != nil {
		if *w.offset < 0 {
			return 0, apierr.New(apierr.InvalidArgument, "invalid_parameter", "offset %d is negative", *w.offset)
		}
		return *w.offset, nil
	}
	n := int64(defaultTail)
	if w.bytes != nil {
		n = *w.bytes
	}
	if n < 0 || n > maxTail {
		return 0, apierr.New(apierr.InvalidArgument, "invalid_parameter", "bytes %d is out of range; give 0 to %d", n, maxTail)
	}
	return tail.Begin(path, n), nil
}

// byteStream is a response that hands bytes on as they come.
type byteStream struct{ r *tail.Reader }

// VisitReadConsoleResponse implements hostapi.ReadConsoleResponseObject.
func (b byteStream) VisitReadConsoleResponse(w http.ResponseWriter) error { return b.send(w) }

// VisitReadLogResponse implements hostapi.ReadLogResponseObject.
func (b byteStream) VisitReadLogResponse(w http.ResponseWriter) error { return b.send(w) }

func (b byteStream) send(w http.ResponseWriter) error {
	defer func() { _ = b.r.Close() }()
	w.Header().Set("Content-Type", "application/octet-stream")
	out := startStream(w)
	buf := make([]byte, streamBlock)
	for {
		n, err := b.r.Read(buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = out.send(buf[:n])
		}
		if err != nil {
			return abort()
		}
	}
}

// stream is a response body of which every part is sent at once.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// startStream sends the header, so that the card knows that it is served.
func startStream(w http.ResponseWriter) stream {
	w.WriteHeader(http.StatusOK)
	s := stream{w, http.NewResponseController(w)}
	_ = s.control.Flush() // a broken connection shows at the next write
	return s
}

func (s stream) send(p []byte) error {
	if _, err := s.w.Write(p); err != nil {
		return err
	}
	return s.control.Flush()
}

// abort breaks a response off, so that the card sees that it is not whole. A
// status cannot be sent any more.
func abort() error { panic(http.ErrAbortHandler) }

// eventStream is a response that turns the VMM's event monitor into NDJSON.
type eventStream byteStream

// VisitStreamEventsResponse implements hostapi.StreamEventsResponseObject.
func (e eventStream) VisitStreamEventsResponse(w http.ResponseWriter) error {
	defer func() { _ = e.r.Close() }()
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := startStream(w)
	in := newEventReader(e.r)
	for {
		event, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return abort()
		}
		line, err := json.Marshal(event)
		if err != nil {
			return fmt.Errorf("encode event: %w", err)
		}
		if err := out.send(append(line, '\n')); err != nil {
			return abort()
		}
	}
}
