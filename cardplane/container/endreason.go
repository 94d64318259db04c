package container

import (
	"strconv"
	"syscall"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// maxSignal is the highest number of a signal.
const maxSignal = 64

// exitOf takes a guest's word for how the program has ended.
func exitOf(c guestapi.Container) store.Exit {
	exit := store.Exit{Code: c.ExitCode, OOMKilled: c.OomKilled, OOMAtLimit: c.OomAtLimit}
	if c.Signal > 0 && c.Signal <= maxSignal {
		exit.Signal = c.Signal
	}
	return exit
}

// noteExit writes into c how its program has ended.
func noteExit(c *cardplane.Container, exit *store.Exit) {
	c.ExitCode, c.Signal, c.OOMKilled, c.FinishedAt = exit.Code, exit.Signal, exit.OOMKilled, exit.At
	c.EndReason = exitReason(exit)
}

func exitReason(exit *store.Exit) cardplane.EndReason {
	switch {
	case exit.Signal == 0:
		return cardplane.EndExited
	case exit.Signal != int(syscall.SIGKILL) || !exit.OOMKilled:
		return cardplane.EndSignaled
	case exit.OOMAtLimit:
		return cardplane.EndOOM
	}
	return cardplane.EndGuestOOM
}

// failureReason is the reason of the end without an exit of c, whose run may
// not have come to start its program.
func failureReason(c *cardplane.Container, err error) cardplane.EndReason {
	switch {
	case c.StartedAt.IsZero():
		return cardplane.EndStartFailed
	case apierr.Is(err, sandbox.CodePanic):
		return cardplane.EndGuestPanic
	case apierr.Is(err, sandbox.CodeVMMDied):
		return cardplane.EndVMMDied
	}
	return cardplane.EndVMLost
}

// exitAttributes describe an exit in its event.
func exitAttributes(exit *store.Exit) map[string]string {
	attributes := map[string]string{"exitCode": strconv.Itoa(exit.Code), "reason": string(exitReason(exit))}
	if exit.Signal != 0 {
		attributes["signal"] = strconv.Itoa(exit.Signal)
	}
	if exit.OOMKilled {
		attributes["oomKilled"] = "true"
	}
	return attributes
}
