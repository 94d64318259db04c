package container

import (
	"go.etcd.io/bbolt"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// EventJournal takes events as a part of what they tell of. [event.Journal] is
// one, in the database of Config.Store.
type EventJournal interface {
	cardplane.EventPublisher
	// Recording returns what records e in a transaction, and makes it known once
	// that is committed.
	Recording(e cardplane.Event) func(*bbolt.Tx) error
}

// eventOf returns an event of a container.
func eventOf(t cardplane.EventType, c cardplane.Container, attributes map[string]string) cardplane.Event {
	return cardplane.Event{Type: t, Subject: c.ID, Name: c.Name, Labels: c.Spec.Labels, Attributes: attributes}
}

// recording returns what records an event of c in the transaction that makes c
// what it is.
func (s *Service) recording(t cardplane.EventType, c cardplane.Container, attributes map[string]string) store.Change {
	return s.cfg.Events.Recording(eventOf(t, c, attributes))
}

// tells returns what records an event of the container in the transaction of an
// update, which changes neither its name nor its labels.
func (e *entry) tells(t cardplane.EventType, attributes map[string]string) store.Change {
	return func(tx *bbolt.Tx) error { return e.svc.recording(t, e.rec.Container, attributes)(tx) }
}

// tellsPause is tells for a pause or its end. It tells of each once, and of none
// after the program's end.
func (e *entry) tellsPause(paused bool) store.Change {
	t := cardplane.ContainerUnpaused
	if paused {
		t = cardplane.ContainerPaused
	}
	return func(tx *bbolt.Tx) error {
		if e.rec.Run.PauseTold == paused || e.rec.Run.ExitTold {
			return nil
		}
		return e.tells(t, nil)(tx)
	}
}

// tellsUpdate is tells for a change that waited for the guest, where one did.
func (e *entry) tellsUpdate() store.Change {
	return func(tx *bbolt.Tx) error {
		if e.rec.Run.Before == nil {
			return nil
		}
		return e.tells(cardplane.ContainerUpdated, nil)(tx)
	}
}

// tellsMounting is tells for a change of mounts that is settled, where there is one.
func (e *entry) tellsMounting() store.Change {
	return func(tx *bbolt.Tx) error {
		if change := e.rec.Run.Mounting; change != nil && !change.Refused {
			return e.tellsMount(*change)(tx)
		}
		return nil
	}
}

func (e *entry) tellsMount(change store.Mounting) store.Change {
	t := cardplane.VolumeAttached
	if change.Detach {
		t = cardplane.VolumeDetached
	}
	return e.tells(t, map[string]string{"volume": change.Mount.Volume})
}

// tellsFailure is tells for the end of a run without an exit, which has err.
func (e *entry) tellsFailure(err error) store.Change {
	return func(tx *bbolt.Tx) error {
		return e.tells(cardplane.ContainerFailed, map[string]string{
			"code": apierr.From(err).Code, "reason": string(failureReason(&e.rec.Container, err)),
		})(tx)
	}
}

// tellsExec returns what records that an exec has come to a step, with the
// event of it, once.
func (r *run) tellsExec(step store.ExecStep, t cardplane.EventType, exec string, attributes map[string]string) store.Change {
	attributes["exec"] = exec
	return store.TellExec(r.e.id, exec, step, r.svc.recording(t, r.e.snapshot(), attributes))
}

func (r *run) tellsExecStart(x cardplane.Exec) store.Change {
	return r.tellsExec(store.ExecStarted, cardplane.ExecStarted, x.ID, map[string]string{"command": x.Command[0]})
}

// tellsLostExecs returns what records the end of the execs that have ended with
// the container's run, before they could be asked for their exit codes.
func (e *entry) tellsLostExecs() store.Change {
	return store.EachExec(e.id, store.ExecStarted, func(id string) store.Change {
		return store.TellExec(e.id, id, store.ExecEnded, e.tells(cardplane.ExecExited, map[string]string{"exec": id, "lost": "true"}))
	})
}
