package cardplanetest

import (
	"context"
	"io"
	"slices"

	"github.com/cardplane/cardplane/cardplane"
)

func (m *Memory) eventLocked(kind cardplane.EventType, subject, name string, attributes map[string]string) {
	m.events = append(m.events, cardplane.Event{
		Sequence: int64(len(m.events)) + 1, Time: m.nowLocked(), Type: kind, Subject: subject, Name: name, Attributes: attributes,
	})
	m.notifyLocked()
}

// eventService is a Memory seen as a cardplane.EventService.
type eventService Memory

func (s *eventService) Events(_ context.Context, opts cardplane.EventOptions) (cardplane.EventReader, error) {
	m := (*Memory)(s)
	m.mu.Lock()
	defer m.mu.Unlock()
	next := int64(len(m.events))
	if opts.Since >= 0 {
		next = min(opts.Since, next)
	}
	return &eventReader{m: m, follow: opts.Follow, next: next}, nil
}

type eventReader struct {
	m      *Memory
	follow bool
	next   int64 // index of the next event
}

func (r *eventReader) Next(ctx context.Context) (cardplane.Event, error) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	more := func() bool { return r.next < int64(len(r.m.events)) }
	if !r.follow && !more() {
		return cardplane.Event{}, io.EOF
	}
	if err := r.m.untilLocked(ctx, more); err != nil {
		return cardplane.Event{}, err
	}
	r.next++
	return r.m.events[r.next-1], nil
}

func (r *eventReader) Close() error { return nil }

// systemService is a Memory seen as a cardplane.SystemService.
type systemService Memory

func (s *systemService) VersionInfo(context.Context) (cardplane.VersionInfo, error) {
	m := (*Memory)(s)
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.version, nil
}

func (s *systemService) Doctor(context.Context) ([]cardplane.Check, error) {
	m := (*Memory)(s)
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.checks), nil
}
