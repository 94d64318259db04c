package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// retryEvery is the pause between two attempts to reach a control plane.
const retryEvery = 200 * time.Millisecond

// isAway reports whether err means that the control plane went away.
func isAway(err error) bool {
	return apierr.Is(err, "connection_lost") || apierr.Is(err, "control_plane_unreachable") || apierr.Is(err, "control_plane_stopping")
}

// persist calls f again while it fails because the control plane is away.
// f reports by calling alive that it is there, which starts the patience anew.
// A control plane that was never reached is not waited for.
func (a *App) persist(ctx context.Context, reached bool, f func(alive func()) error) error {
	var deadline time.Time // zero while the control plane is there
	alive := func() { reached, deadline = true, time.Time{} }
	for {
		err := f(alive)
		// A connection that was lost was there before.
		reached = reached || apierr.Is(err, "connection_lost")
		if err == nil || !isAway(err) || !reached {
			return err
		}
		if deadline.IsZero() {
			_, _ = fmt.Fprintln(a.Err, "cardctl: the control plane went away; reconnecting")
			deadline = time.Now().Add(reconnectFor)
		}
		if time.Now().After(deadline) {
			return err
		}
		pause := time.NewTimer(retryEvery)
		select {
		case <-ctx.Done():
			pause.Stop()
			return context.Cause(ctx)
		case <-pause.C:
		}
	}
}

// logFollower reads a journal across restarts of the control plane.
type logFollower struct {
	app        *App
	containers cardplane.ContainerService
	ref        string
	opts       cardplane.LogOptions
	// seen is the offset after the last byte had of each stream.
	seen map[cardplane.Stream]int64
	// write takes each record once.
	write func(cardplane.LogRecord) error
	// reached tells that the control plane was there before.
	reached bool
}

// run returns when the journal has ended.
func (f *logFollower) run(ctx context.Context) error {
	tailed := f.opts.Tail >= 0
	return f.app.persist(ctx, f.reached, func(alive func()) error {
		f.opts.StdoutOffset, f.opts.StderrOffset = f.seen[cardplane.Stdout], f.seen[cardplane.Stderr]
		reader, err := f.containers.Logs(ctx, f.ref, f.opts)
		if err != nil {
			return err
		}
		defer func() { _ = reader.Close() }()
		alive()
		for {
			record, err := reader.Next(ctx)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			alive()
			if tailed {
				// What was left out must stay out; go on by time.
				f.opts.Since, f.opts.Tail = record.Time, -1
			}
			if err := f.take(record); err != nil {
				return err
			}
		}
	})
}

// take writes what is new of a record, and notes how far it is.
func (f *logFollower) take(record cardplane.LogRecord) error {
	end := record.Offset + int64(len(record.Data))
	if seen, ok := f.seen[record.Stream]; ok && record.Offset < seen {
		if end <= seen {
			return nil
		}
		record.Data = record.Data[seen-record.Offset:]
		record.Offset, record.Lost = seen, 0
	}
	f.seen[record.Stream] = end
	return f.write(record)
}
