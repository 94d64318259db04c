package cardplanetest

import (
	"context"
	"io"
	"slices"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func (m *Memory) eventLocked(kind cardplane.EventType, subject, name string, attributes map[string]string) {
	e := cardplane.Event{
		Sequence: int64(len(m.events)) + 1, Time: m.nowLocked(), Type: kind, Subject: subject, Name: name, Attributes: attributes,
	}
	if c, err := m.findLocked(subject); err == nil {
		e.Labels = c.Spec.Labels
	}
	m.events = append(m.events, e)
	m.notifyLocked()
}

// eventService is a Memory seen as a cardplane.EventService.
type eventService Memory

func (s *eventService) Events(_ context.Context, opts cardplane.EventOptions) (cardplane.EventReader, error) {
	m := (*Memory)(s)
	m.mu.Lock()
	defer m.mu.Unlock()
	next := int64(len(m.events))
	if opts.Since > next {
		return nil, apierr.New(apierr.InvalidArgument, "unknown_event", "there is no event %d yet, the newest is %d", opts.Since, next).At("since")
	}
	if opts.Since >= 0 {
		next = opts.Since
	}
	return &eventReader{m: m, opts: opts, next: next}, nil
}

type eventReader struct {
	m    *Memory
	opts cardplane.EventOptions
	next int64 // index of the next event
}

func (r *eventReader) Next(ctx context.Context) (cardplane.Event, error) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	more := func() bool { return r.next < int64(len(r.m.events)) }
	if until := r.opts.Until; !until.IsZero() {
		limited, cancel := context.WithDeadlineCause(ctx, until, io.EOF)
		defer cancel()
		ctx = limited
	}
	for {
		if !r.opts.Follow && !more() {
			return cardplane.Event{}, io.EOF
		}
		if err := r.m.untilLocked(ctx, more); err != nil {
			return cardplane.Event{}, err
		}
		e := r.m.events[r.next]
		r.next++
		switch {
		case !r.opts.Until.IsZero() && !e.Time.Before(r.opts.Until):
			return cardplane.Event{}, io.EOF
		case !e.Time.Before(r.opts.From) && r.opts.Match(e):
			return e, nil
		}
	}
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

// DiskUsage knows no sizes of containers.
func (s *systemService) DiskUsage(ctx context.Context) ([]cardplane.DiskUsage, error) {
	m := (*Memory)(s)
	containers, err := m.Containers().List(ctx, cardplane.ContainerFilter{All: true})
	if err != nil {
		return nil, err
	}
	layers := cardplane.DiskUsage{Kind: cardplane.UsageContainers, Where: "host", Count: len(containers)}
	var used []string
	for _, c := range containers {
		used = append(used, c.ImageID)
		if c.State.Active() {
			layers.Active++
		}
	}
	volumes, err := m.Volumes().List(ctx, cardplane.VolumeFilter{})
	if err != nil {
		return nil, err
	}
	usage, err := m.Images().DiskUsage(ctx, used)
	return append(usage, layers, cardplane.DiskUsage{Kind: cardplane.UsageVolumes, Where: "host", Count: len(volumes)}), err
}
