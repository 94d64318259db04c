package link

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// stream returns the body of a generated client's call, or its error.
func stream(resp *http.Response, err error) (io.ReadCloser, error) {
	if err != nil {
		return nil, apierr.New(apierr.Unavailable, "unreachable", "the host cannot be reached: %w", err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return nil, apierr.ReadResponse(resp)
	}
	return resp.Body, nil
}

// readAll reads at most n bytes of body and closes it.
func readAll(body io.ReadCloser, n int64, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	data, err := io.ReadAll(io.LimitReader(body, n))
	if err != nil {
		return nil, lost(err)
	}
	return data, nil
}

func lost(err error) error {
	return apierr.New(apierr.Unavailable, "connection_lost", "the connection to the host broke: %w", err)
}

// maxEventLine bounds one event in bytes; the host bounds it lower.
const maxEventLine = 256 << 10

// Events calls fn with each event of the VM's monitor from offset on (0: from
// the start), and returns nil when the VMM has exited and all were handled.
// It goes on where it was when the connection breaks, so no event is lost or
// given twice. An error of fn ends it and is returned. Errors: vm_not_found,
// and an Unavailable one when the host stays away for longer than the link's
// patience.
func (l *Link) Events(ctx context.Context, id string, offset int64, fn func(hostapi.VMEvent) error) error {
	var wait backoff
	for {
		before := offset
		err := l.eventsOnce(ctx, id, &offset, fn)
		if apierr.ClassOf(err) != apierr.Unavailable || ctx.Err() != nil {
			return err
		}
		if offset != before {
			wait.reset()
		}
		if !wait.next(ctx) {
			return err
		}
	}
}

// eventsOnce is Events over one connection. It moves offset past each event
// that fn has taken.
func (l *Link) eventsOnce(ctx context.Context, id string, offset *int64, fn func(hostapi.VMEvent) error) error {
	body, err := stream(l.client.StreamEvents(ctx, id, &hostapi.StreamEventsParams{Offset: offset}))
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxEventLine)
	for lines.Scan() {
		var event hostapi.VMEvent
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return apierr.New(apierr.Internal, "bad_response", "the host sent an event that cannot be read: %w", err)
		}
		if err := fn(event); err != nil {
			return err
		}
		*offset = event.NextOffset
	}
	if err := lines.Err(); err != nil {
		return lost(err)
	}
	return nil
}

// longPoll is how long one request of Wait is left open.
const longPoll = 60 * time.Second

// Wait returns the VM when its VMM has exited. It outlives cuts of the
// connection. Errors: vm_not_found, and an Unavailable one when the host
// stays away for longer than the link's patience.
func (l *Link) Wait(ctx context.Context, id string) (hostapi.VM, error) {
	seconds := int(longPoll / time.Second)
	var wait backoff
	for {
		vm, err := apierr.Decode[hostapi.VM](l.client.WaitVM(ctx, id, &hostapi.WaitVMParams{TimeoutSeconds: &seconds}))
		switch {
		case ctx.Err() != nil:
			return vm, ctx.Err()
		case err == nil && vm.State == hostapi.Exited:
			return vm, nil
		case err == nil:
			wait.reset()
		case apierr.ClassOf(err) != apierr.Unavailable:
			return vm, err
		}
		if !wait.next(ctx) {
			return vm, err
		}
	}
}
