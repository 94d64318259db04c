package container

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/logs"
	"github.com/cardplane/cardplane/cardplane/store"
)

// entry is a container as the Service holds it.
type entry struct {
	svc     *Service
	id      string
	created time.Time

	mu      sync.Mutex
	rec     store.Record  // what is stored, but for Container.Reason
	changed chan struct{} // closed and replaced at every change of rec
	settled bool          // the program's exit and all its output are recorded
	removed bool
	stays   bool                // it should have removed itself and could not
	begun   int                 // how many runs have begun since the Service was opened
	ends    int                 // how many runs have ended since the Service was opened
	ended   cardplane.Container // as the latest of them has left it
	again   bool                // once settled: the restart policy starts it again
	run     *run                // set while the container is active, but for the end of the Service
	stdin   *session            // the latest taker
	execs   map[string]*exec

	journal      *logs.Journal
	journalUsers int
}

func newEntry(s *Service, rec store.Record) *entry {
	return &entry{
		svc: s, id: rec.Container.ID, created: rec.Container.CreatedAt, rec: rec,
		changed: make(chan struct{}), execs: make(map[string]*exec),
	}
}

// snapshot returns the container as it is. Its maps and slices are never
// written to.
func (e *entry) snapshot() cardplane.Container {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.snapshotLocked()
}

// snapshotLocked shows a container as exited as soon as its exit and all its
// output are recorded. The stored state stays stopping until its machine is
// gone, so that a crash in between loses nothing that is on the disk. While the
// host is away, an active container's reason says so.
func (e *entry) snapshotLocked() cardplane.Container {
	c, exit := e.rec.Container, e.rec.Run.Exit
	if e.settled && c.State == cardplane.Stopping && exit != nil {
		c.State, c.Reason = cardplane.Exited, ""
		if e.again {
			c.State = cardplane.Restarting
		}
		noteExit(&c, exit)
	}
	if _, away := e.svc.away(); away != nil && c.State.Active() && c.Reason != reasonTakenOver {
		c.Reason = reasonHostAway
	}
	return c
}

// settle shows the container as exited from now on, or as restarting, and
// records the event of that, unless an earlier control plane has.
func (e *entry) settle(exit *store.Exit, again bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.rec.Run.ExitTold {
		if err := e.updateLocked(func(rec *store.Record) { rec.Run.ExitTold, rec.Run.PauseTold = true, false },
			e.tellsPause(false), e.tells(cardplane.ContainerExited, exitAttributes(exit))); err != nil {
			return err
		}
	}
	e.settled, e.again = true, again
	e.noteEndLocked()
	e.announceLocked()
	return nil
}

// noteEndLocked remembers the end of a run for those who wait for the next.
func (e *entry) noteEndLocked() {
	e.ends++
	e.ended = e.snapshotLocked()
}

// stay tells those who wait for the container's removal that it will not be.
func (e *entry) stay() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stays = true
	e.announceLocked()
}

// over reports whether c, the container as it stands, has ended, and where it
// is to remove itself, has done so or failed to.
func (e *entry) over(c cardplane.Container) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return c.State.Ended() && (!c.Spec.AutoRemove || e.stays)
}

// update changes the record, durably, together with what else belongs to that,
// such as the ledger and events, and wakes whoever waits for a change. When it
// fails, nothing has changed.
func (e *entry) update(change func(*store.Record), with ...store.Change) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.updateLocked(change, with...)
}

func (e *entry) updateLocked(change func(*store.Record), with ...store.Change) error {
	if e.removed {
		return notFound(e.id)
	}
	next := e.rec
	change(&next)
	from, to := e.rec.Container.State, next.Container.State
	if from != to {
		if !from.CanBecome(to) {
			return fmt.Errorf("container %s cannot go from %s to %s", e.id, from, to)
		}
		next.Container.Reason = ""
	}
	if err := e.svc.cfg.Store.Save(next, with...); err != nil {
		return err
	}
	e.rec = next
	if !to.Active() {
		e.run = nil
	}
	e.announceLocked()
	return nil
}

// record returns a copy of the stored record.
func (e *entry) record() store.Record {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rec
}

// setReason says what the container waits for. It is not worth storing.
func (e *entry) setReason(reason string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.rec.Container.Reason != reason {
		e.rec.Container.Reason = reason
		e.announceLocked()
	}
}

func (e *entry) announceLocked() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// waitUntil returns the container once it satisfies done or has been removed.
func (e *entry) waitUntil(ctx context.Context, done func(cardplane.Container) bool) (cardplane.Container, error) {
	return e.await(ctx, done, e.svc.whileServing)
}

// waitReached is waitUntil that gives a host up which is away for long.
func (e *entry) waitReached(ctx context.Context, done func(cardplane.Container) bool) (cardplane.Container, error) {
	return e.await(ctx, done, e.svc.whileReached)
}

// await is waitUntil, with wait to wait for each change.
func (e *entry) await(ctx context.Context, done func(cardplane.Container) bool,
	wait func(context.Context, <-chan struct{}) error) (cardplane.Container, error) {
	for {
		e.mu.Lock()
		c, changed, removed := e.snapshotLocked(), e.changed, e.removed
		e.mu.Unlock()
		if removed || done(c) {
			return c, nil
		}
		if err := wait(ctx, changed); err != nil {
			return c, err
		}
	}
}

// useJournal returns the container's journal, which stays open until every
// user has released it.
func (e *entry) useJournal() (*logs.Journal, func(), error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.useJournalLocked()
}

func (e *entry) useJournalLocked() (*logs.Journal, func(), error) {
	if e.removed {
		return nil, nil, notFound(e.id)
	}
	if e.journal == nil {
		journal, err := logs.Open(e.svc.journalDir(e.id), logLimits(e.rec.Container.Spec.Logs))
		if err != nil {
			return nil, nil, err
		}
		e.journal = journal
	}
	e.journalUsers++
	return e.journal, sync.OnceFunc(e.releaseJournal), nil
}

// logLimits returns the limits of a policy. A container of before there were
// any has the defaults.
func logLimits(p cardplane.LogPolicy) logs.Limits {
	l := logs.Limits{FileBytes: p.FileBytes, Files: p.Files}
	if l == (logs.Limits{}) {
		l = logs.Limits{FileBytes: cardplane.DefaultLogFileBytes, Files: cardplane.DefaultLogFiles}
	}
	return l
}

func (e *entry) releaseJournal() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.releaseJournalLocked()
}

func (e *entry) releaseJournalLocked() {
	e.journalUsers--
	if e.journalUsers == 0 && e.journal != nil {
		e.closeJournalLocked()
	}
}

func (e *entry) closeJournalLocked() {
	if err := e.journal.Close(); err != nil {
		e.svc.log.WithError(err).WithField("container", e.id).Error("a journal was not closed")
	}
	e.journal = nil
}

// closeJournal closes the journal under its users, at the Service's end.
func (e *entry) closeJournal() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.journal == nil {
		return nil
	}
	journal := e.journal
	e.journal = nil
	return journal.Close()
}
