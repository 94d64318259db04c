package sandbox

import (
	"context"
	"errors"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm"
)

const (
	// firstPatience is how long a start waits for a host that does not answer
	// at all. Once it has answered, it may be away for as long as a boot takes.
	firstPatience = 2 * time.Second
	// Bounds of one attempt to reach an agent.
	firstAttempt = time.Second
	maxAttempt   = 20 * time.Second
	// Between attempts passes one part in pauseShare of the time so far.
	minPause   = 5 * time.Millisecond
	pauseShare = 128
)

// stopwatch times the steps of a start.
type stopwatch struct {
	last  time.Time
	steps []cardplane.Timing
}

func (w *stopwatch) lap(step string) {
	now := time.Now()
	w.steps = append(w.steps, cardplane.Timing{Step: step, Duration: now.Sub(w.last)})
	w.last = now
}

// Start makes a sandbox, from a template where there is one for its size or
// else by a boot, and returns once its agent takes connections.
//
// On failure nothing of the machine is left on the host; a disk stays, as the
// caller alone knows what is on it. When ctx ends with the cause ErrDetached,
// everything stays.
//
// Errors: guest_boot_failed with the console's last lines, and those of the
// host and of the VMM.
func (m *Manager) Start(ctx context.Context, spec Spec) (*Sandbox, error) {
	spec.template = m.TemplateID(spec)
	s, err := m.start(ctx, spec)
	if m.giveUpTemplate(ctx, spec, err) {
		spec.template = ""
		return m.start(ctx, spec)
	}
	return s, err
}

// start is Start in the way that spec says.
func (m *Manager) start(ctx context.Context, spec Spec) (*Sandbox, error) {
	watch := &stopwatch{last: time.Now()}
	vm, err := m.makeVM(ctx, spec, watch)
	if HostAway(err) && ctx.Err() == nil {
		return nil, Explain(err) // there is no way to undo anything now
	}
	if apierr.Is(err, codeNoTemplate) {
		return nil, err // the host has made nothing
	}
	if err != nil {
		return nil, m.undo(ctx, spec.ID, err)
	}
	s := m.attach(ctx, vm)
	if err := s.boot(ctx, spec, vm, ""); err != nil {
		s.Close()
		return nil, s.restoreError(m.undo(ctx, spec.ID, err))
	}
	watch.lap(s.bootStep())
	s.timings = watch.steps
	return s, nil
}

// Resume finishes a Start that an earlier process began: it takes the steps
// that were not taken. Once the machine exists it undoes nothing, as a program
// may run in it: the caller decides, and HostAway tells it whether to try
// again.
func (m *Manager) Resume(ctx context.Context, spec Spec) (*Sandbox, error) {
	vm, err := m.host.VM(ctx, spec.ID)
	if apierr.Is(err, "vm_not_found") {
		return m.Start(ctx, spec)
	}
	if err != nil {
		return nil, err
	}
	if vm.State == hostapi.Exited {
		return nil, bootFailed("the guest did not come up: its VMM has ended%s", exitText(vm.Exit)).With(m.Evidence(ctx, spec.ID))
	}
	s := m.attach(ctx, vm)
	state, err := s.state(ctx)
	if err == nil && s.template != "" && state != chapi.Running {
		// No program can run in it yet, and its template may be no good.
		if err := s.Destroy(ctx); err != nil {
			return nil, err
		}
		return m.Start(ctx, spec)
	}
	spec.template = s.template
	if err == nil {
		err = s.boot(ctx, spec, vm, state)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// undo deletes what a failed start has made. It returns err, which carries
// evidence where the machine has left any.
func (m *Manager) undo(ctx context.Context, id string, err error) error {
	if errors.Is(context.Cause(ctx), ErrDetached) {
		return err
	}
	var e *apierr.Error
	if errors.As(err, &e) && len(e.Evidence) == 0 {
		e.Evidence = m.Evidence(ctx, id)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if derr := m.Destroy(ctx, id); derr != nil {
		m.log.WithError(derr).WithField("sandbox", id).Error("a failed start could not be undone; it will be tried again")
	}
	return err
}

// makeVM brings the files and the disk to the host and has the VMM started.
func (m *Manager) makeVM(ctx context.Context, spec Spec, watch *stopwatch) (hostapi.VM, error) {
	vm, err := m.tryMakeVM(ctx, spec, watch)
	if apierr.Is(err, "blob_not_found") || apierr.Is(err, "blob_incomplete") {
		m.blobs.forget() // the host has lost what it had when it was asked last
		watch.steps = nil
		return m.tryMakeVM(ctx, spec, watch)
	}
	return vm, err
}

func (m *Manager) tryMakeVM(ctx context.Context, spec Spec, watch *stopwatch) (hostapi.VM, error) {
	if _, err := m.askHost(ctx); err != nil {
		return hostapi.VM{}, err
	}
	if err := m.blobs.ensure(ctx, m.artefacts.blobs(spec)...); err != nil {
		return hostapi.VM{}, err
	}
	for _, disk := range spec.disks() {
		err := insist(ctx, m.bootTimeout, func(ctx context.Context) error {
			_, err := m.host.PutDisk(ctx, disk.ID, m.artefacts.diskSpec(disk))
			return err
		})
		if err != nil {
			return hostapi.VM{}, err
		}
	}
	watch.lap("files")
	var vm hostapi.VM
	err := insist(ctx, m.bootTimeout, func(ctx context.Context) (err error) {
		vm, err = m.host.PutVM(ctx, spec.ID, m.artefacts.vmSpec(spec))
		return err
	})
	if err != nil {
		return hostapi.VM{}, err
	}
	watch.lap("vmm")
	return vm, nil
}

// askHost returns the host's description once it answers.
func (m *Manager) askHost(ctx context.Context) (host hostapi.Host, err error) {
	err = insist(ctx, firstPatience, func(ctx context.Context) error {
		host, err = m.host.Host(ctx)
		return err
	})
	return host, err
}

// HostInfo returns the host's description. It waits a moment for a host that
// does not answer.
func (m *Manager) HostInfo(ctx context.Context) (hostapi.Host, error) {
	host, err := m.askHost(ctx)
	return host, Explain(err)
}

// boot takes the machine from state, "" where the VMM has none, to the
// agent's readiness. Where the link is cut on the way it finds out how far it
// has got, and goes on from there.
func (s *Sandbox) boot(ctx context.Context, spec Spec, vm hostapi.VM, state chapi.VmState) error {
	late, cancel := context.WithTimeout(ctx, s.manager.bootTimeout)
	defer cancel()
	defer context.AfterFunc(s.alive, cancel)()
	err := s.bootFrom(late, spec, vm, state)
	for retry := guestclient.NewBackoff(); unasked(err) && retry.Wait(late) == nil; {
		if state, err = s.state(late); err == nil {
			err = s.bootFrom(late, spec, vm, state)
		}
	}
	if err != nil {
		return s.bootError(err)
	}
	if spec.template == "" {
		return s.awaitAgent(ctx, s.manager.bootTimeout)
	}
	return s.awaitRestored(ctx)
}

// unasked reports whether err leaves open whether the VMM did what it was
// asked for.
func unasked(err error) bool {
	return apierr.Is(err, "vmm_unreachable") || apierr.Is(err, "vmm_timeout")
}

// bootError says why a VMM that does not answer does not.
func (s *Sandbox) bootError(err error) error {
	if !unasked(err) {
		return err
	}
	if s.alive.Err() != nil {
		return bootFailed("the guest did not come up: %w", context.Cause(s.alive))
	}
	if _, away := s.manager.host.Away(); away != nil {
		return Explain(away)
	}
	return err
}

// bootFrom asks the VMM for what is missing from state to a guest that boots.
func (s *Sandbox) bootFrom(ctx context.Context, spec Spec, vm hostapi.VM, state chapi.VmState) error {
	handle := vmm.New(s.dialVMM)
	defer handle.Close()
	if spec.template != "" {
		return restore(ctx, handle, spec, vm, state)
	}
	if state == "" {
		if err := handle.Create(ctx, s.manager.artefacts.vmConfig(spec, vm)); err != nil {
			return err
		}
		state = chapi.Created
	}
	if state == chapi.Created {
		return handle.Boot(ctx)
	}
	return nil
}

// state returns the state of the VMM's machine, "" where there is none.
func (s *Sandbox) state(ctx context.Context) (chapi.VmState, error) {
	handle := vmm.New(s.dialVMM)
	defer handle.Close()
	info, err := handle.Info(ctx)
	if apierr.Is(err, "vm_not_created") {
		return "", nil
	}
	return info.State, err
}

// awaitAgent returns once the agent takes connections, or guest_boot_failed
// after patience.
func (s *Sandbox) awaitAgent(ctx context.Context, patience time.Duration) error {
	bootCtx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	defer context.AfterFunc(s.alive, cancel)()
	err := untilReached(bootCtx, s.guest.Connect)
	switch {
	case err == nil, ctx.Err() != nil:
		return err
	case s.alive.Err() != nil:
		return bootFailed("the guest did not come up: %w", context.Cause(s.alive))
	case bootCtx.Err() != nil:
		if _, away := s.manager.host.Away(); away != nil {
			return Explain(away)
		}
		return bootFailed("the guest agent did not answer within %s; a slow host needs a longer --boot-timeout: %w", patience, err)
	}
	return err
}

func bootFailed(format string, args ...any) *apierr.Error {
	return apierr.New(apierr.Internal, "guest_boot_failed", format, args...)
}

// untilReached tries to reach the agent until that succeeds. The pauses grow
// with the time that has passed, so that they add little to any boot, and many
// machines that boot together are not held up by being tried. An attempt that
// gets lost in a machine that is just coming up is given up, ever later.
func untilReached(ctx context.Context, try func(context.Context) error) error {
	begun := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for timeout := firstAttempt; ; {
		attempt, cancel := context.WithTimeout(ctx, timeout)
		err := try(attempt)
		if attempt.Err() != nil {
			timeout = min(2*timeout, maxAttempt)
		}
		cancel()
		if !apierr.Is(err, guestclient.CodeUnreachable) {
			return err
		}
		timer.Reset(max(minPause, time.Since(begun)/pauseShare))
		select {
		case <-ctx.Done():
			return err
		case <-timer.C:
		}
	}
}

// Adopt takes over the machine with that id and returns once its agent
// has answered. It waits for as long as the machine runs and ctx lasts.
//
// Errors: vm_not_found when there is no such machine, one of Lost when it has
// ended, and those of a host that is away.
func (m *Manager) Adopt(ctx context.Context, id string) (*Sandbox, error) {
	return m.adopt(ctx, id, (*Sandbox).answerOrLost)
}

// AdoptRunning is Adopt for a machine in which no program may have been started
// yet, and whose start nobody will finish: it is lost where it does not run.
func (m *Manager) AdoptRunning(ctx context.Context, id string) (*Sandbox, error) {
	return m.adopt(ctx, id, func(s *Sandbox, ctx context.Context) error {
		if err := s.requireRunning(ctx); err != nil {
			return err
		}
		return s.answerOrLost(ctx)
	})
}

// adopt takes over the machine with that id once reached returns without an error.
func (m *Manager) adopt(ctx context.Context, id string, reached func(*Sandbox, context.Context) error) (*Sandbox, error) {
	vm, err := m.host.VM(ctx, id)
	if err != nil {
		return nil, err
	}
	s := m.attach(ctx, vm)
	if err := reached(s, ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// requireRunning loses a machine that does not run.
func (s *Sandbox) requireRunning(ctx context.Context) error {
	state, err := s.state(ctx)
	if err == nil && state != chapi.Running {
		s.lose(CodeLost, "its start was cut short before it ran")
		return s.LostError()
	}
	return err
}

func (s *Sandbox) answerOrLost(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.alive, cancel)()
	err := untilReached(ctx, func(ctx context.Context) error {
		_, err := s.guest.Info(ctx)
		return err
	})
	if err != nil && s.alive.Err() != nil {
		return s.LostError()
	}
	return err
}
