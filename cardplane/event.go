package cardplane

import (
	"context"
	"time"
)

// EventType says what happened.
type EventType string

// The types of events.
const (
	ImageLoaded      EventType = "image.load"
	ImagePulled      EventType = "image.pull"
	ImageRemoved     EventType = "image.remove"
	ContainerCreated EventType = "container.create"
	ContainerStarted EventType = "container.start"
	ContainerExited  EventType = "container.exit"
	ContainerFailed  EventType = "container.fail"
	ContainerRemoved EventType = "container.remove"
	ExecStarted      EventType = "exec.start"
	ExecExited       EventType = "exec.exit"
)

// Event is something that happened. Events are kept in a bounded journal and
// numbered without gaps.
type Event struct {
	// Sequence grows by one with every event and is never reused.
	Sequence int64
	Time     time.Time
	Type     EventType
	// Subject is the id of the object, Name its name.
	Subject, Name string
	// Attributes depend on the type: exitCode, signal, image, command.
	Attributes map[string]string
}

// EventPublisher records what happened.
type EventPublisher interface {
	// Publish numbers, stamps and records e, then wakes the readers. It
	// never blocks on a reader.
	Publish(ctx context.Context, e Event) error
}

// EventOptions select events.
type EventOptions struct {
	// Since is the sequence number to begin after; 0 is the oldest event
	// kept and a negative number means from now on.
	Since int64
	// Follow goes on as events happen.
	Follow bool
}

// EventReader reads events in order.
type EventReader interface {
	// Next returns the next event, io.EOF at the end when not following, or
	// ctx's error.
	Next(ctx context.Context) (Event, error)
	// Close releases the reader.
	Close() error
}

// EventService reads the journal of events.
type EventService interface {
	// Events begins to read. A Since older than the oldest event kept begins
	// with that one.
	Events(ctx context.Context, opts EventOptions) (EventReader, error)
}
