package container_test

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// The control plane is killed before and after every event. Whatever the point,
// a client that goes on with the next one finds each event once and in order.
func TestKilledAtEveryEvent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		life func(*plane) (string, error)
		want []cardplane.EventType
	}{
		"changes": {(*plane).liveWithChanges, []cardplane.EventType{
			cardplane.ContainerCreated, cardplane.ContainerStarted, cardplane.ContainerRenamed, cardplane.ContainerUpdated,
			cardplane.ContainerUpdated, cardplane.ContainerPaused, cardplane.ContainerUnpaused, cardplane.ExecStarted,
			cardplane.ExecExited, cardplane.ContainerExited, cardplane.ContainerStarted, cardplane.ContainerRestarted,
			cardplane.ContainerExited, cardplane.ContainerRemoved,
		}},
		"failure": {(*plane).liveToFailure, []cardplane.EventType{
			cardplane.ContainerCreated, cardplane.ContainerStarted, cardplane.ExecStarted, cardplane.ExecExited,
			cardplane.ContainerFailed, cardplane.ContainerRemoved,
		}},
		"mount": {(*plane).liveMount, []cardplane.EventType{
			cardplane.ContainerCreated, cardplane.ContainerStarted, cardplane.VolumeAttached, cardplane.VolumeDetached,
			cardplane.ContainerExited, cardplane.ContainerRemoved,
		}},
		"volume": {(*plane).liveVolume, []cardplane.EventType{
			cardplane.VolumeCreated, cardplane.VolumeUpdated, cardplane.VolumeRemoved,
		}},
		"secret": {(*plane).liveSecret, []cardplane.EventType{
			cardplane.SecretCreated, cardplane.SecretUpdated, cardplane.SecretRemoved,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, point := range crashPoints(t, tt.life) {
				if !strings.Contains(point.op, ".") {
					continue // no event: TestKilledAtEveryStep
				}
				t.Run(point.String(), func(t *testing.T) {
					w := newWorld(t, "")
					w.killed(point, func(p *plane) { _, _ = tt.life(p) })
					p := w.open(nil)
					id, err := tt.life(p)
					if err != nil {
						t.Fatalf("%+v", err)
					}
					p.wantEvents(id, tt.want...)
				})
			}
		})
	}
}

// step is a part of a container's life. It does nothing where that is past.
type step func(p *plane, c cardplane.Container) error

// through takes a container through all steps and removes it.
func (p *plane) through(steps ...step) (id string, err error) {
	spec := cardplane.ContainerSpec{Image: "test", Command: []string{"sleep", "1000"}}
	made, err := p.Create(p.w.ctx, spec, "key")
	if err != nil {
		return "", err
	}
	for _, next := range append(steps, (*plane).stepRemove) {
		c, err := p.Get(p.w.ctx, made.ID)
		if apierr.Is(err, "container_not_found") {
			return made.ID, nil
		}
		if err == nil {
			err = next(p, c)
		}
		if err != nil {
			return made.ID, err
		}
	}
	return made.ID, nil
}

func (p *plane) liveWithChanges() (string, error) {
	return p.through((*plane).stepStart, (*plane).stepRename, (*plane).stepLabel, (*plane).stepLimit, (*plane).stepPause,
		(*plane).stepUnpause, (*plane).stepExec, (*plane).stepRestart, (*plane).stepStop)
}

func (p *plane) liveToFailure() (string, error) {
	return p.through((*plane).stepStart, (*plane).stepLongExec, (*plane).stepKillMachine)
}

func (p *plane) stepStart(c cardplane.Container) error {
	if c.State == cardplane.Created {
		if _, err := p.Start(p.w.ctx, c.ID); err != nil {
			return err
		}
	}
	return p.awaitTold(c.ID, cardplane.ContainerStarted, 1)
}

func (p *plane) stepRename(c cardplane.Container) error {
	if c.Name == "renamed" {
		return nil
	}
	_, err := p.Rename(p.w.ctx, c.ID, "renamed", "")
	return err
}

func (p *plane) stepLabel(c cardplane.Container) error {
	if c.Spec.Labels["label"] != "" {
		return nil
	}
	_, err := p.Update(p.w.ctx, c.ID, cardplane.ContainerUpdate{Labels: map[string]*string{"label": new("set")}}, "")
	return err
}

func (p *plane) stepLimit(c cardplane.Container) error {
	if c.Spec.Resources.PidsLimit == 0 {
		if _, err := p.Update(p.w.ctx, c.ID, cardplane.ContainerUpdate{PidsLimit: new(int64(1000))}, ""); err != nil {
			return err
		}
	}
	return p.awaitTold(c.ID, cardplane.ContainerUpdated, 2)
}

func (p *plane) stepPause(c cardplane.Container) error {
	if c.State == cardplane.Running && !p.told(c.ID, cardplane.ContainerPaused) {
		if _, err := p.Pause(p.w.ctx, c.ID); err != nil {
			return err
		}
	}
	return p.awaitTold(c.ID, cardplane.ContainerPaused, 1)
}

func (p *plane) stepUnpause(c cardplane.Container) error {
	if c.State == cardplane.Paused {
		if _, err := p.Unpause(p.w.ctx, c.ID); err != nil {
			return err
		}
	}
	return p.awaitTold(c.ID, cardplane.ContainerUnpaused, 1)
}

func (p *plane) stepExec(c cardplane.Container) error {
	if _, err := p.Exec(p.w.ctx, c.ID, cardplane.ExecSpec{Command: []string{"true"}}, "key"); err != nil {
		return err
	}
	return p.awaitTold(c.ID, cardplane.ExecExited, 1)
}

// stepLongExec starts an exec that ends with its machine.
func (p *plane) stepLongExec(c cardplane.Container) error {
	if c.State == cardplane.Running {
		if _, err := p.Exec(p.w.ctx, c.ID, cardplane.ExecSpec{Command: []string{"sleep", "1000"}}, "key"); err != nil {
			return err
		}
	}
	return p.awaitTold(c.ID, cardplane.ExecStarted, 1)
}

func (p *plane) stepRestart(c cardplane.Container) error {
	if c.State == cardplane.Running && !p.told(c.ID, cardplane.ContainerExited) {
		if _, err := p.Restart(p.w.ctx, c.ID, cardplane.StopOptions{}); err != nil {
			return err
		}
	}
	return p.awaitTold(c.ID, cardplane.ContainerRestarted, 1)
}

func (p *plane) stepStop(c cardplane.Container) error {
	_, err := p.Stop(p.w.ctx, c.ID, cardplane.StopOptions{})
	return err
}

func (p *plane) stepKillMachine(c cardplane.Container) error {
	if c.State == cardplane.Running {
		vm, err := p.w.host.Link().VM(p.w.ctx, c.SandboxID)
		if err == nil && vm.Pid > 0 {
			err = syscall.Kill(vm.Pid, syscall.SIGKILL)
		}
		if err != nil && !apierr.Is(err, "vm_not_found") && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return p.awaitTold(c.ID, cardplane.ContainerFailed, 1)
}

func (p *plane) stepRemove(c cardplane.Container) error {
	if _, err := p.Wait(p.w.ctx, c.ID, cardplane.WaitNotRunning); err != nil {
		return err
	}
	return p.Remove(p.w.ctx, c.ID, false, "")
}

// liveVolume takes a volume from where it is to its removal.
func (p *plane) liveVolume() (id string, err error) {
	volumes := p.Volumes()
	made, err := volumes.Create(p.w.ctx, cardplane.VolumeSpec{Name: "data"}, "key")
	if err != nil {
		return "", err
	}
	if _, err := volumes.Get(p.w.ctx, made.ID); apierr.Is(err, "volume_not_found") {
		return made.ID, nil
	}
	if _, err := volumes.Resize(p.w.ctx, made.ID, 2*made.SizeBytes); err != nil {
		return made.ID, err
	}
	return made.ID, volumes.Remove(p.w.ctx, made.ID)
}

// liveSecret takes a secret from where it is to its removal.
func (p *plane) liveSecret() (id string, err error) {
	secrets := p.Secrets()
	made, err := secrets.Create(p.w.ctx, cardplane.ContentSpec{Name: "key", Data: []byte("one")}, "key")
	if err != nil {
		return "", err
	}
	if _, err := secrets.Get(p.w.ctx, made.ID); apierr.Is(err, "secret_not_found") {
		return made.ID, nil
	}
	if _, err := secrets.Update(p.w.ctx, made.ID, cardplane.ContentUpdate{Data: []byte("two")}); err != nil {
		return made.ID, err
	}
	return made.ID, secrets.Remove(p.w.ctx, made.ID)
}

// told reports whether there is an event of an object.
func (p *plane) told(id string, wanted cardplane.EventType) bool {
	types, _ := p.eventTypes(id)
	return slices.Contains(types, wanted)
}

// awaitTold waits until there are n events of a type. Unlike awaitEvent it can
// be called where the control plane may die.
func (p *plane) awaitTold(id string, wanted cardplane.EventType, n int) error {
	for {
		types, err := p.eventTypes(id)
		if err != nil {
			return err
		}
		if len(slices.DeleteFunc(types, func(t cardplane.EventType) bool { return t != wanted })) >= n {
			return nil
		}
		select {
		case <-time.After(time.Millisecond):
		case <-p.w.ctx.Done():
			return p.w.ctx.Err()
		}
	}
}
