package cardplanetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// Harness is a control plane under test.
type Harness struct {
	Containers cardplane.ContainerService
	Images     cardplane.ImageService
	Volumes    cardplane.VolumeService
	Sandboxes  cardplane.SandboxService
	Networks   cardplane.NetworkService
	Configs    cardplane.ContentService
	Secrets    cardplane.ContentService
	Events     cardplane.EventService
	System     cardplane.SystemService
	// Image is a reference of an image that is there and has the programs
	// true, echo, cat, sleep, env, stty and sh, no entrypoint, and
	// /etc/passwd, which is not executable.
	Image string
}

// patience bounds a test that would otherwise hang. No test depends on it.
const patience = 2 * time.Minute

// suite is one test's view of a Harness.
type suite struct {
	Harness
	t   *testing.T
	ctx context.Context
}

// Conform runs the conformance suite. start returns a control plane of which
// only the test uses the containers, and cleans it up at the test's end.
//
// The suite runs on services in memory, on a client of them, and on a real
// control plane; it makes no use of anything but the interfaces.
func Conform(t *testing.T, start func(t *testing.T) Harness) {
	for name, test := range map[string]func(*suite){
		"create":           (*suite).create,
		"idempotency":      (*suite).idempotency,
		"references":       (*suite).references,
		"list":             (*suite).list,
		"run":              (*suite).run,
		"spec":             (*suite).spec,
		"options":          (*suite).options,
		"grace period":     (*suite).ownGracePeriod,
		"start again":      (*suite).startAgain,
		"start failures":   (*suite).startFailures,
		"stop and kill":    (*suite).stopAndKill,
		"wait":             (*suite).wait,
		"restart":          (*suite).restart,
		"restart removed":  (*suite).restartAutoRemove,
		"pause":            (*suite).pause,
		"paused ends":      (*suite).pausedEnds,
		"rename":           (*suite).rename,
		"wait conditions":  (*suite).waitConditions,
		"healthy":          (*suite).healthy,
		"unhealthy":        (*suite).unhealthy,
		"wait for health":  (*suite).healthWait,
		"update":           (*suite).update,
		"update running":   (*suite).updateRunning,
		"prune":            (*suite).prune,
		"remove":           (*suite).remove,
		"remove changed":   (*suite).removeChanged,
		"auto remove":      (*suite).autoRemove,
		"not running":      (*suite).notRunning,
		"stdin":            (*suite).stdin,
		"large streams":    (*suite).largeStreams,
		"attach late":      (*suite).attachLate,
		"detach":           (*suite).detach,
		"terminal":         (*suite).terminal,
		"exec":             (*suite).exec,
		"exec failures":    (*suite).execFailures,
		"exec reattach":    (*suite).execReattach,
		"copy":             (*suite).copying,
		"copy failures":    (*suite).copyFailures,
		"ports":            (*suite).ports,
		"broken port":      (*suite).brokenPort,
		"stats":            (*suite).stats,
		"processes":        (*suite).processes,
		"logs":             (*suite).logs,
		"logs follow":      (*suite).logsFollow,
		"events":           (*suite).events,
		"event filters":    (*suite).eventFilters,
		"images":           (*suite).images,
		"image is in use":  (*suite).imageInUse,
		"image progress":   (*suite).imageProgress,
		"volumes":          (*suite).volumes,
		"volume by name":   (*suite).volumeByName,
		"volume copies":    (*suite).volumeCopies,
		"volume mounts":    (*suite).volumeMounts,
		"volume raw":       (*suite).volumeRaw,
		"volume archives":  (*suite).volumeArchives,
		"networks":         (*suite).networks,
		"network of a run": (*suite).networkOfRun,
		"sandboxes":        (*suite).sandboxes,

		"configs":            (*suite).configs,
		"secrets":            (*suite).secrets,
		"content of a run":   (*suite).contentOfRun,
		"content in sandbox": (*suite).contentInSandbox,

		"containers in a sandbox": (*suite).containersInSandbox,
		"network of a sandbox":    (*suite).networkOfSandbox,

		"system":           (*suite).system,
		"cancellation":     (*suite).cancellation,
		"same key at once": (*suite).idempotencyAtOnce,
		"exec idempotency": (*suite).execIdempotency,
		"image names":      (*suite).imageNames,
		"image save":       (*suite).imageSave,
		"disk usage":       (*suite).diskUsage,
		"image prune":      (*suite).imagePrune,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			test(&suite{Harness: start(t), t: t, ctx: ctx})
		})
	}
}

// ok ends the test unless err is nil.
func (s *suite) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%+v", err)
	}
}

// fails checks class and code of an error.
func (s *suite) fails(err error, class apierr.Class, code string) {
	s.t.Helper()
	if !apierr.Is(err, code) || apierr.ClassOf(err) != class {
		s.t.Errorf("got %v (%v), want %v %s", err, apierr.From(err), class, code)
	}
}

// newContainer creates a container that runs command.
func (s *suite) newContainer(adjust func(*cardplane.ContainerSpec), command ...string) cardplane.Container {
	s.t.Helper()
	spec := cardplane.ContainerSpec{Image: s.Image, Command: command}
	if adjust != nil {
		adjust(&spec)
	}
	c, err := s.Containers.Create(s.ctx, spec, "")
	s.ok(err)
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = s.Containers.Remove(ctx, c.ID, true, "")
	})
	return c
}

// running creates and starts a container.
func (s *suite) running(adjust func(*cardplane.ContainerSpec), command ...string) cardplane.Container {
	s.t.Helper()
	c, err := s.Containers.Start(s.ctx, s.newContainer(adjust, command...).ID)
	s.ok(err)
	return c
}

// ended runs a container to its end.
func (s *suite) ended(adjust func(*cardplane.ContainerSpec), command ...string) cardplane.Container {
	s.t.Helper()
	c, err := s.Containers.Wait(s.ctx, s.running(adjust, command...).ID, cardplane.WaitNotRunning)
	s.ok(err)
	return c
}

// drain reads a session to its end.
func (s *suite) drain(session cardplane.Session) (stdout, stderr string, exitCode int) {
	s.t.Helper()
	var out, err bytes.Buffer
	for {
		output, e := session.Recv(s.ctx)
		if errors.Is(e, io.EOF) {
			break
		}
		s.ok(e)
		if output.Stream == cardplane.Stderr {
			err.Write(output.Data)
		} else {
			out.Write(output.Data)
		}
	}
	code, e := session.ExitCode()
	s.ok(e)
	return out.String(), err.String(), code
}

// equal compares two values.
func equal[T comparable](s *suite, what string, got, want T) {
	s.t.Helper()
	if got != want {
		s.t.Errorf("%s is %v, want %v", what, got, want)
	}
}
