package sandbox

import (
	"context"
	"fmt"

	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm"
)

// watch follows the machine's events until ctx ends or the machine is lost.
// It survives a host that is away for a while.
func (s *Sandbox) watch(ctx context.Context) {
	defer close(s.watched)
	retry := guestclient.NewBackoff()
	var offset int64
	for {
		err := s.manager.host.Events(ctx, s.id, offset, func(e hostapi.VMEvent) error {
			offset = e.NextOffset
			retry.Reset()
			s.handle(e)
			return nil
		})
		if ctx.Err() == nil && (err == nil || apierr.ClassOf(err) == apierr.NotFound) {
			s.inspect(ctx)
		}
		if s.alive.Err() != nil || retry.Wait(ctx) != nil {
			return
		}
	}
}

// handle judges one event.
func (s *Sandbox) handle(e hostapi.VMEvent) {
	switch vmm.EventKind(e.Source + ":" + e.Event) {
	case vmm.EventGuestPanic:
		s.lose(CodePanic, "the guest's kernel has panicked")
	case vmm.EventDeviceRemoved:
		if e.Properties != nil {
			s.removals.note((*e.Properties)["id"])
		}
	case vmm.EventRebooting:
		s.lose(CodeLost, "the guest has rebooted")
	case vmm.EventShutdown:
		s.lose(CodeLost, "the guest has powered off")
	}
}

// inspect asks the host how a machine is whose events have ended.
func (s *Sandbox) inspect(ctx context.Context) {
	vm, err := s.manager.host.VM(ctx, s.id)
	switch {
	case apierr.ClassOf(err) == apierr.NotFound && err != nil:
		s.lose(CodeLost, "the compute host no longer has it; was the host restarted, or the machine deleted by hand?")
	case err == nil && vm.State == hostapi.Exited:
		s.lose(CodeVMMDied, "its VMM has ended"+exitText(vm.Exit))
	}
}

func exitText(exit *hostapi.VMExit) string {
	switch {
	case exit == nil:
		return ""
	case exit.Signal != nil:
		return fmt.Sprintf(" by signal %d", *exit.Signal)
	case exit.Code != nil:
		return fmt.Sprintf(" with exit code %d", *exit.Code)
	}
	return ""
}

// lose records why the machine is lost, once.
func (s *Sandbox) lose(code, why string) {
	s.kill(apierr.New(apierr.Unavailable, code, "the container's virtual machine is lost: %s", why))
}

// GiveUp makes the machine a lost one, for the reason that err says.
func (s *Sandbox) GiveUp(err *apierr.Error) { s.kill(err) }

// Lost is closed once the machine no longer runs what it was started for.
func (s *Sandbox) Lost() <-chan struct{} { return s.alive.Done() }

// LostError says why the machine is lost. It means nothing until Lost is
// closed.
func (s *Sandbox) LostError() *apierr.Error {
	lost := *apierr.From(context.Cause(s.alive))
	return &lost // evidence will be added to it
}
