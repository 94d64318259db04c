package cardplane

import (
	"context"
	"slices"
	"strings"
	"time"
)

// EventType says what happened.
type EventType string

// The types of events.
const (
	ImageLoaded    EventType = "image.load"
	ImagePulled    EventType = "image.pull"
	ImageTagged    EventType = "image.tag"
	ImageUntagged  EventType = "image.untag"
	ImageRemoved   EventType = "image.remove"
	VolumeCreated  EventType = "volume.create"
	VolumeUpdated  EventType = "volume.update"
	VolumeRemoved  EventType = "volume.remove"
	NetworkCreated EventType = "network.create"
	NetworkRemoved EventType = "network.remove"
	ConfigCreated  EventType = "config.create"
	ConfigUpdated  EventType = "config.update"
	ConfigRemoved  EventType = "config.remove"
	SecretCreated  EventType = "secret.create"
	SecretUpdated  EventType = "secret.update"
	SecretRemoved  EventType = "secret.remove"
	SandboxCreated EventType = "sandbox.create"
	SandboxRemoved EventType = "sandbox.remove"
	// VolumeAttached and VolumeDetached are of containers: volume.
	VolumeAttached EventType = "volume.attach"
	VolumeDetached EventType = "volume.detach"
	// NetworkConnected and NetworkDisconnected are of containers: network.
	NetworkConnected    EventType = "network.connect"
	NetworkDisconnected EventType = "network.disconnect"

	ContainerCreated EventType = "container.create"
	ContainerStarted EventType = "container.start"
	// ContainerRestarted follows the start that somebody's restart ends with.
	ContainerRestarted EventType = "container.restart"
	ContainerPaused    EventType = "container.pause"
	ContainerUnpaused  EventType = "container.unpause"
	ContainerUpdated   EventType = "container.update"
	ContainerRenamed   EventType = "container.rename"
	ContainerExited    EventType = "container.exit"
	ContainerFailed    EventType = "container.fail"
	ContainerRemoved   EventType = "container.remove"
	// ContainerHealth tells of a change of a container's health: status.
	ContainerHealth EventType = "container.health_status"
	ExecStarted     EventType = "exec.start"
	// ExecExited tells of an exec's exitCode, or that it was lost with its
	// container's run.
	ExecExited EventType = "exec.exit"
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
	// Labels are a container's, also for its execs.
	Labels map[string]string
	// Attributes depend on the type: exitCode, signal, image, command, oldName,
	// status, lost.
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
	// From and Until leave out what happened before, and not before, them.
	// Zero times leave out nothing. A reader that follows ends at Until.
	From, Until time.Time
	EventFilter
}

// EventFilter selects events. All of its parts must match.
type EventFilter struct {
	// Types are types, or what is before the dot in them; one must match.
	Types []string
	// Containers are ids, prefixes of ids and names; one must be of the event's
	// container at that time.
	Containers []string
	// Labels are as in ContainerFilter, of the event's container.
	Labels []string
}

// Match reports whether f selects e.
func (f EventFilter) Match(e Event) bool {
	object, _, _ := strings.Cut(string(e.Type), ".")
	ofContainer := (object == "container" || object == "exec") && slices.ContainsFunc(f.Containers, func(ref string) bool {
		return ref == e.Name || strings.HasPrefix(e.Subject, ref)
	})
	return (len(f.Types) == 0 || slices.Contains(f.Types, object) || slices.Contains(f.Types, string(e.Type))) &&
		(len(f.Containers) == 0 || ofContainer) && hasLabels(e.Labels, f.Labels)
}

// EventReader reads events in order.
type EventReader interface {
	// Next returns the next event, io.EOF at the end when not following, or
	// ctx's error. A reader that is so far behind that the next event is no
	// longer kept gets events_lost.
	Next(ctx context.Context) (Event, error)
	// Close releases the reader.
	Close() error
}

// EventService reads the journal of events.
type EventService interface {
	// Events begins to read. It fails with events_lost where events after Since
	// are no longer kept, and with unknown_event where Since is no event's
	// number yet.
	Events(ctx context.Context, opts EventOptions) (EventReader, error)
}
