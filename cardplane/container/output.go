package container

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

const reasonTakenOver = "another control plane has taken it over"

// exitResult is what awaitExit has found.
type exitResult struct {
	exit *store.Exit
	err  error
}

// awaitExit asks the agent for the program's exit for as long as it takes.
// It fails when the agent does not know the container.
func (r *run) awaitExit(ctx context.Context, sb *sandbox.Sandbox) exitResult {
	for retry := guestclient.NewBackoff(); ; {
		c, err := sb.Guest().WaitContainer(ctx, r.e.id)
		switch {
		case err == nil && c.State == guestapi.StateExited:
			exit := exitOf(c)
			exit.At = time.Now().UTC()
			return exitResult{exit: &exit}
		case apierr.Is(err, "container_not_found"):
			return exitResult{err: apierr.New(apierr.Unavailable, sandbox.CodeLost,
				"the container's virtual machine is lost: the guest was booted anew and no longer knows the container")}
		}
		if retry.Wait(ctx) != nil {
			return exitResult{err: ctx.Err()}
		}
	}
}

// startPumps begins to journal the program's output. The channel is closed
// when all of it is in the journal.
func (r *run) startPumps(ctx context.Context, sb *sandbox.Sandbox, helpers *sync.WaitGroup) <-chan struct{} {
	streams := []cardplane.Stream{cardplane.Stdout, cardplane.Stderr}
	if r.e.record().Container.Spec.TTY {
		streams = streams[:1]
	}
	var pumps sync.WaitGroup
	for _, stream := range streams {
		pumps.Go(func() { r.pump(ctx, sb, stream) })
	}
	drained := make(chan struct{})
	helpers.Go(func() {
		pumps.Wait()
		close(drained)
	})
	return drained
}

// pump journals one stream to its end, over as many connections as it takes.
func (r *run) pump(ctx context.Context, sb *sandbox.Sandbox, stream cardplane.Stream) {
	log := r.log.WithField("stream", stream)
	for retry := guestclient.NewBackoff(); ; {
		err := r.pumpOnce(ctx, sb, stream, retry)
		switch {
		case errors.Is(err, io.EOF), ctx.Err() != nil:
			return
		case apierr.Is(err, "stale_epoch"):
			r.letGo(err)
			return
		case guestclient.Permanent(err):
			log.WithError(err).Error("the rest of the output is lost")
			return
		case !apierr.Is(err, guestclient.CodeUnreachable) && !errors.Is(err, io.ErrUnexpectedEOF):
			log.WithError(err).Error("the output is not journalled; trying again")
		}
		if retry.Wait(ctx) != nil {
			return
		}
	}
}

// letGo leaves the container to the newer control plane that commands its
// guest.
func (r *run) letGo(err error) {
	r.log.WithError(err).Error("another control plane has taken the container over; this one lets it go")
	r.e.setReason(reasonTakenOver)
	r.cancel(sandbox.ErrDetached)
}

// pumpOnce journals from where the journal ends, for as long as one
// connection lasts. It returns io.EOF at the stream's end.
func (r *run) pumpOnce(ctx context.Context, sb *sandbox.Sandbox, stream cardplane.Stream, retry *guestclient.Backoff) error {
	out, err := sb.Guest().OpenOutput(ctx, guestclient.Process{Container: r.e.id}, string(stream), r.journal.RunOffset(stream))
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	for {
		piece, err := out.Next()
		if err != nil {
			return err
		}
		if err := r.journal.Append(stream, piece.Data, piece.Lost); err != nil {
			return err
		}
		retry.Reset()
		if err := out.Ack(); err != nil {
			return err
		}
	}
}
