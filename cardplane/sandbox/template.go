package sandbox

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm"
)

// A template is a snapshot, on the host, of a machine that has booted and has
// done nothing since: it has looked at no disk and run no program. In the place
// of an image and of a writable disk it has blank files. A machine that starts
// from it has its own there, as if they had always been, so that its guest has
// fewer new devices to find. Volumes and interfaces are plugged in while it is
// paused. It gets entropy of its own and the time before anything else.
//
// A guest goes on to believe in the sizes that disks had when it was saved. So a
// template is of one size of disk too; and as images, which are of all sizes,
// are read where their file system says, it believes in a very large one.
//
// A template's id says what it is of: the files that guests boot from, and all
// that the VMM is told. So the host's list of snapshots is the only one.

const (
	// templateMark follows the prefix in the id of a template.
	templateMark = "tpl-"
	// keyLength is how many hexadecimal digits stand for each part of a key.
	keyLength = 12
	// entropyBytes is what a machine that was restored gets.
	entropyBytes = 64
	// restoreShare is the part of the boot timeout that a restored agent may
	// take, so that there is time for a boot after it.
	restoreShare = 3
	// codeNoTemplate is the code of the host's error where there is none.
	codeNoTemplate = "snapshot_not_found"
)

// AnyImage stands for whatever image in the Spec of a template. Its size is what
// guests from templates see the device of their image have; machines of larger
// images boot.
var AnyImage = File{Size: 1 << 40}

// TemplateID returns the id of the template for machines like that of spec, and
// "" where they have none: where templates are off, and for machines that are
// tied to pages or processors of the host.
func (m *Manager) TemplateID(spec Spec) string {
	if m.templates == 0 || spec.HugePages || len(spec.HostCPUs) > 0 || spec.Image.Size > AnyImage.Size {
		return ""
	}
	template := templateSpec("", spec)
	template.Labels = nil
	text, err := json.Marshal([]any{m.artefacts.vmSpec(template), m.artefacts.vmConfig(template, hostapi.VM{})})
	if err != nil {
		return "" // it has no value that JSON lacks
	}
	return m.currentPrefix() + shortDigest(text)
}

// currentPrefix begins the ids of templates of the files that guests boot from
// now.
func (m *Manager) currentPrefix() string {
	return m.prefix + templateMark + shortDigest([]byte(strings.Join(m.BootDigests(), " "))) + "-"
}

func shortDigest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])[:keyLength]
}

// TemplateCurrent reports whether machines may be started from the template
// with that id.
func (m *Manager) TemplateCurrent(id string) bool {
	return m.templates > 0 && strings.HasPrefix(id, m.currentPrefix())
}

// templateSpec describes the machine that becomes the template for machines like
// that of spec.
func templateSpec(id string, spec Spec) Spec {
	out := Spec{ID: id, Labels: spec.Labels, VCPUs: spec.VCPUs, MemoryBytes: spec.MemoryBytes, savable: true}
	if spec.Image != (File{}) {
		out.Image = AnyImage
	}
	if spec.Disk != nil {
		out.Disk = &Disk{SizeBytes: spec.Disk.SizeBytes}
	}
	return out
}

// unfit is the error of a start that a boot may not have.
type unfit struct{ error }

func (u *unfit) Unwrap() error { return u.error }

// restoreError marks the error of a machine that did not come up from a
// template.
func (s *Sandbox) restoreError(err error) error {
	if s.template == "" {
		return err
	}
	return &unfit{err}
}

// giveUpTemplate reports whether a boot is to be tried where a start has failed
// with err, because there is no template or it is no good. Then it is removed.
func (m *Manager) giveUpTemplate(ctx context.Context, spec Spec, err error) bool {
	if apierr.Is(err, codeNoTemplate) {
		return true
	}
	spoilt := errors.As(err, new(*unfit)) || apierr.Is(err, "snapshot_mismatch") || apierr.Is(err, "vmm_start_failed")
	if spec.template == "" || !spoilt || ctx.Err() != nil || HostAway(err) {
		return false
	}
	log := m.log.WithError(err).WithField("template", spec.template)
	log.Warn("a start from a template has failed; the template is removed and the guest boots")
	if err := m.host.DeleteSnapshot(ctx, spec.template); err != nil {
		log.WithError(err).Error("a template that is no good could not be removed")
	}
	return true
}

// restore asks the VMM for what is missing from state to a machine that runs.
func restore(ctx context.Context, handle *vmm.VMM, spec Spec, vm hostapi.VM, state chapi.VmState) error {
	if state == "" {
		if err := handle.Restore(ctx, restoreDir(vm), false); err != nil {
			return err
		}
		state = chapi.Paused
	}
	if state != chapi.Paused {
		return nil
	}
	info, err := handle.Info(ctx)
	if err != nil {
		return err
	}
	for _, disk := range ownDisks(spec, vm) {
		if slices.ContainsFunc(info.Config.Disks, func(d chapi.DiskConfig) bool { return d.Id == disk.Id }) {
			continue
		}
		if _, err := handle.AddDisk(ctx, disk); err != nil {
			return err
		}
	}
	for _, nic := range vm.Nics {
		if slices.ContainsFunc(info.Config.Net, func(n chapi.NetConfig) bool { return n.Id == nic.Name }) {
			continue
		}
		if _, err := handle.AddNet(ctx, netDevice(nic)); err != nil {
			return err
		}
	}
	return handle.Resume(ctx)
}

// awaitRestored returns once the agent of a restored machine takes connections
// and the machine has entropy of its own and the time.
func (s *Sandbox) awaitRestored(ctx context.Context) error {
	if err := s.awaitAgent(ctx, s.manager.bootTimeout/restoreShare); err != nil {
		return err
	}
	entropy := make([]byte, entropyBytes)
	if _, err := io.ReadFull(rand.Reader, entropy); err != nil {
		return fmt.Errorf("entropy for a guest: %w", err)
	}
	for retry := guestclient.NewBackoff(); ; {
		err := s.guest.Renew(ctx, entropy, time.Now())
		if !apierr.Is(err, guestclient.CodeUnreachable) || s.alive.Err() != nil || retry.Wait(ctx) != nil {
			return err
		}
	}
}

// FromTemplate reports whether the machine was started from a template.
func (s *Sandbox) FromTemplate() bool { return s.template != "" }

// bootStep is what the step to the agent's answer is called.
func (s *Sandbox) bootStep() string {
	if s.template != "" {
		return "restore"
	}
	return "boot"
}

// Templates returns the templates on the host, current or not.
func (m *Manager) Templates(ctx context.Context) ([]hostapi.Snapshot, error) {
	all, err := m.host.Snapshots(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(s hostapi.Snapshot) bool { return !strings.HasPrefix(s.Id, m.prefix+templateMark) }), nil
}

// MaxTemplates is how many templates are kept.
func (m *Manager) MaxTemplates() int { return m.templates }

// MakeTemplate makes the template for machines like that of spec, in a machine
// that has the template's id and is gone when MakeTemplate returns. A machine
// that an earlier attempt has left is in the way, and is removed.
func (m *Manager) MakeTemplate(ctx context.Context, spec Spec) (err error) {
	template := templateSpec(m.TemplateID(spec), spec)
	if err := m.Destroy(ctx, template.ID); err != nil {
		return err
	}
	s, err := m.start(ctx, template)
	if err != nil {
		return err
	}
	defer func() {
		if errors.Is(context.Cause(ctx), ErrDetached) {
			s.Close()
			return
		}
		err = errors.Join(err, s.Destroy(context.WithoutCancel(ctx)))
	}()
	if err := s.save(ctx); err != nil {
		return err
	}
	return s.keep(ctx, template.ID)
}

// save has the VMM write the machine's snapshot.
func (s *Sandbox) save(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.manager.bootTimeout)
	defer cancel()
	vm, err := s.manager.host.VM(ctx, s.id)
	if err != nil {
		return err
	}
	handle := vmm.New(s.dialVMM)
	defer handle.Close()
	if err := handle.Pause(ctx); err != nil {
		return err
	}
	return handle.Snapshot(ctx, saveDir(vm))
}

// keep ends the VMM and makes the host keep what the machine has saved.
func (s *Sandbox) keep(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, s.manager.bootTimeout)
	defer cancel()
	handle := vmm.New(s.dialVMM)
	defer handle.Close()
	for retry := guestclient.NewBackoff(); ; {
		// The VMM may be gone before its answer is through: its end counts.
		shutdown := handle.ShutdownVMM(ctx)
		_, err := s.manager.host.PutSnapshot(ctx, id, hostapi.SnapshotSpec{Vm: s.id})
		if !apierr.Is(err, "vm_running") && !HostAway(err) {
			return err
		}
		if retry.Wait(ctx) != nil {
			return errors.Join(err, shutdown)
		}
	}
}
