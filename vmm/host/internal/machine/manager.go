// Package machine owns the VMM processes of a host.
//
// A VMM belongs to no daemon's lifetime. What is known of each stands in its
// run directory: the intent before the process is made, then the process's
// name (pid and start time), then that it is ready, then how it ended. Every
// process of a VM carries a token in its environment, and is in the VM's
// cgroup where there are cgroups, so that one whose pid was never recorded is
// found too. So this process can be killed at any instruction, and the next
// one knows every VMM that runs and removes what was half made.
package machine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/procs"
	"github.com/cardplane/cardplane/vmm/host/internal/snapshot"
)

// Step is called before each act that changes the host, with the act's name.
// An error makes that act fail; tests inject faults and deaths so. Nil does
// nothing.
type Step func(op string) error

// Acts that a Step sees, in their order.
const (
	OpRecord        = "vm.record"
	OpPlugNICs      = "vm.plug-nics"
	OpSpawn         = "vm.spawn"
	OpRecordProcess = "vm.record-process"
	OpAwaitAPI      = "vm.await-api"
	OpRecordReady   = "vm.record-ready"
	OpRecordExit    = "vm.record-exit"
	OpRecordPlug    = "vm.record-plug"
	OpPlug          = "vm.plug"
	OpUnplug        = "vm.unplug"
	OpRecordUnplug  = "vm.record-unplug"
	OpKill          = "vm.kill"
	OpRemove        = "vm.remove"
)

// Networks makes network interfaces for VMs.
type Networks interface {
	// Plug makes interfaces of a VM that uid may open. After an error some
	// may have been made.
	Plug(vm string, uid int, nics []hostapi.NamedNIC) error
	// PlugOne makes one more, or nothing.
	PlugOne(vm string, uid int, nic hostapi.NamedNIC) (hostapi.NIC, error)
	// UnplugAll removes all of a VM.
	UnplugAll(vm string) error
	// NICs returns those of a VM, ordered by name.
	NICs(vm string) []hostapi.NIC
}

// Program is a VMM that can be spawned.
type Program struct {
	Kind hostapi.VMMKind
	Path string
}

// Config is what a Manager needs.
type Config struct {
	// Dir holds one directory a VM. It is made if it is missing.
	Dir string
	// AttachDir holds one directory a VM, with links to its attachments. It
	// is on the filesystem of those, and is made if it is missing.
	AttachDir string
	// BootID names this boot of the host.
	BootID string
	// UIDs are the users that VMMs run as; the zero range stands for the
	// daemon's own.
	UIDs procs.UIDRange
	// Claims are shared by all daemons that take uids of this host.
	Claims procs.Claims
	// Landlock is the version of Landlock that VMMs are confined with; 0
	// does without.
	Landlock int
	// CoreScheduling is what VMs tell the card of it.
	CoreScheduling bool
	// Resolve finds attachments: files on this host by the card's names.
	// It is called while IfUnused calls nothing: no blob or disk is removed,
	// and none is lent.
	Resolve func([]hostapi.Attachment) (map[string]string, error)
	// Lend finds a snapshot that a VM is to be started from.
	Lend func(id string) (snapshot.Loan, error)
	// Networks makes VMs' network interfaces.
	Networks Networks
	// Tun is the device through which VMMs open them.
	Tun string
	// Cgroups holds one cgroup a VM; nil makes none.
	Cgroups *procs.Cgroups
	// StartTimeout bounds the time until a VMM's API socket accepts.
	StartTimeout time.Duration
	// TrimInterval is how often consoles and logs are cut back.
	TrimInterval time.Duration
	// Step may be nil.
	Step Step
	Log  logrus.FieldLogger
}

// Manager owns the VMs of a host. Its methods may be called concurrently.
type Manager struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	mu  sync.Mutex
	vms map[string]*vm // by id
}

// Open finds the VMs that Dir tells of: it adopts those that run, notes the
// end of those that have ended, and removes what an earlier boot or a start
// that was cut short has left.
func Open(cfg Config) (*Manager, error) {
	if cfg.Step == nil {
		cfg.Step = func(string) error { return nil }
	}
	if err := checkRunDir(cfg.Dir); err != nil {
		return nil, err
	}
	for _, dir := range []string{cfg.Dir, cfg.AttachDir} {
		if err := procs.MakeDir(dir, cfg.UIDs != procs.UIDRange{}); err != nil {
			return nil, err
		}
	}
	m := &Manager{cfg: cfg, vms: map[string]*vm{}}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	if err := m.recover(); err != nil {
		m.Close()
		return nil, err
	}
	m.tasks.Go(m.trimLoop)
	return m, nil
}

// Close ends the watch over the VMs and leaves them running. Starts under way
// are given up. It returns when no goroutine of the manager is left.
func (m *Manager) Close() {
	m.mu.Lock() // no start begins after this
	m.cancel()
	m.mu.Unlock()
	m.tasks.Wait()
	for _, v := range m.all() {
		if h := v.process(); h != nil {
			_ = h.Close()
		}
	}
}

// Put makes the VM id and returns it when its API socket accepts. One that
// exists with the same specification is returned as it is. ctx bounds the
// waiting only: a start that was begun is finished. id and spec must have
// been validated. Errors: vm_exists, vm_deleted, disk_attached,
// vmm_start_failed and those of Resolve.
func (m *Manager) Put(ctx context.Context, id string, spec hostapi.VMSpec, program Program) (hostapi.VM, error) {
	v, err := m.claim(id, spec, program)
	if err != nil {
		return hostapi.VM{}, err
	}
	select {
	case <-v.started:
	case <-ctx.Done():
		return hostapi.VM{}, ctx.Err()
	}
	if v.startErr != nil {
		return hostapi.VM{}, v.startErr
	}
	return m.view(v), nil
}

// claim returns the VM id, a new one whose start has been begun if there was none.
func (m *Manager) claim(id string, spec hostapi.VMSpec, program Program) (*vm, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old := m.vms[id]; old != nil {
		return old, conflict(old, spec)
	}
	if err := m.ctx.Err(); err != nil {
		return nil, apierr.New(apierr.Unavailable, "stopping", "the host's daemon is stopping; try again when it is back")
	}
	sources, err := m.cfg.Resolve(spec.Attachments)
	if err != nil {
		return nil, err
	}
	if err := m.checkWriters(spec.Attachments); err != nil {
		return nil, err
	}
	loan, err := m.borrow(spec, program)
	if err != nil {
		return nil, err
	}
	dir := layout(filepath.Join(m.cfg.Dir, keyOf(m.cfg.Dir, id)))
	if err := os.Mkdir(string(dir), 0o700); err != nil {
		return nil, fmt.Errorf("make run directory: %w", err)
	}
	uid, err := m.takeUID(dir)
	if err != nil {
		return nil, errors.Join(err, dir.remove())
	}
	v := newVM(m.ctx, dir, record{
		ID: id, Spec: spec, Kind: program.Kind, Attachments: m.linkPaths(dir, spec.Attachments),
		CreatedAt: time.Now().UTC(), BootID: m.cfg.BootID, UID: uid,
		SaveDir: m.saveDir(dir, spec), RestoreDir: m.restoreDir(dir, spec),
	})
	v.sources, v.loan = sources, loan
	m.vms[id] = v
	m.tasks.Go(func() { m.start(v, program) })
	return v, nil
}

// conflict returns why old does not answer a request for spec.
func conflict(old *vm, spec hostapi.VMSpec) error {
	rec := old.snapshot()
	if old.isDeleting() {
		return deletedError(rec.ID)
	}
	if !reflect.DeepEqual(rec.Spec, spec) {
		return apierr.New(apierr.AlreadyExists, "vm_exists",
			"VM %q exists with another specification; delete it or choose another id", rec.ID)
	}
	return nil
}

// checkWriters refuses a disk that a VM writes to, to any second VM, unless
// both only read it. A VM that has exited does neither.
func (m *Manager) checkWriters(attachments []hostapi.Attachment) error {
	for _, mine := range attachments {
		for id, v := range m.vms {
			rec := v.snapshot()
			if mine.Disk == nil || rec.Exit != nil {
				continue
			}
			for _, other := range rec.all() {
				if other.Disk != nil && *other.Disk == *mine.Disk && !(other.Readonly && mine.Readonly) {
					return apierr.New(apierr.FailedPrecondition, "disk_attached",
						"disk %q is attached to VM %q; delete that VM first, or attach it read-only to both", *mine.Disk, id)
				}
			}
		}
	}
	return nil
}

// Get returns a VM with what it takes. Errors: vm_not_found.
func (m *Manager) Get(id string) (hostapi.VM, error) {
	v, err := m.find(id)
	if err != nil {
		return hostapi.VM{}, err
	}
	view := m.view(v)
	view.Limits = limitsView(m.cfg.Cgroups.Enforced(limitsOf(view.Spec, view.Vmm)))
	view.Usage = usageView(m.cfg.Cgroups.Usage(v.dir.key()))
	return view, nil
}

// view returns the VM as the document describes it.
func (m *Manager) view(v *vm) hostapi.VM {
	out := v.view()
	out.CoreScheduling = m.cfg.CoreScheduling
	out.Nics = m.cfg.Networks.NICs(out.Id)
	return out
}

// List returns all VMs, ordered by id.
func (m *Manager) List() []hostapi.VM {
	out := []hostapi.VM{}
	for _, v := range m.all() {
		out = append(out, m.view(v))
	}
	slices.SortFunc(out, func(a, b hostapi.VM) int { return cmp.Compare(a.Id, b.Id) })
	return out
}

// Wait returns the VM when its VMM has exited or ctx is done, whichever comes
// first. Errors: vm_not_found, also when it is deleted meanwhile.
func (m *Manager) Wait(ctx context.Context, id string) (hostapi.VM, error) {
	v, err := m.find(id)
	if err != nil {
		return hostapi.VM{}, err
	}
	select {
	case <-v.exited:
	case <-v.gone:
		return hostapi.VM{}, notFound(id)
	case <-ctx.Done():
	}
	return m.view(v), nil
}

// IfUnused calls do unless a VM refers to an attachment that uses says is
// the one. No VM can begin to refer to it meanwhile. The error, if there is
// such a VM, is inUse with its id.
func (m *Manager) IfUnused(uses func(hostapi.Attachment) bool, inUse func(vmID string) error, do func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, v := range m.vms {
		if slices.ContainsFunc(v.snapshot().all(), uses) {
			return inUse(id)
		}
	}
	return do()
}

// Files are where a VM's process reads and writes on this host.
type Files struct {
	API, Vsock, ConsoleSocket string
	Console, Log, Events      string
	// UID is the user that Vsock and ConsoleSocket are made by; 0 stands for
	// the daemon's own.
	UID int
	// Exited is closed when nothing is written to them any more.
	Exited <-chan struct{}
}

// Files returns the files of a VM. Errors: vm_not_found.
func (m *Manager) Files(id string) (Files, error) {
	v, err := m.find(id)
	if err != nil {
		return Files{}, err
	}
	return Files{
		API: v.dir.api(), Vsock: v.dir.vsock(), ConsoleSocket: v.dir.consoleSocket(),
		Console: v.dir.console(), Log: v.dir.log(), Events: v.dir.events(),
		UID: v.snapshot().UID, Exited: v.exited,
	}, nil
}

func (m *Manager) find(id string) (*vm, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v := m.vms[id]; v != nil {
		return v, nil
	}
	return nil, notFound(id)
}

func (m *Manager) all() []*vm {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]*vm, 0, len(m.vms))
	for _, v := range m.vms {
		all = append(all, v)
	}
	return all
}

func (m *Manager) log(v *vm) logrus.FieldLogger {
	rec := v.snapshot()
	return m.cfg.Log.WithFields(logrus.Fields{"vm": rec.ID, "pid": rec.Process.PID})
}

// trimLoop cuts consoles and logs back until the manager is closed.
func (m *Manager) trimLoop() {
	tick := time.NewTicker(m.cfg.TrimInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-m.ctx.Done():
			return
		}
		for _, v := range m.all() {
			if err := v.trim(); err != nil && !errors.Is(err, context.Canceled) {
				m.log(v).WithError(err).Error("cannot trim the files of a VM")
			}
		}
	}
}

func notFound(id string) error {
	return apierr.New(apierr.NotFound, "vm_not_found", "VM %q does not exist on this host", id)
}

func deletedError(id string) error {
	return apierr.New(apierr.FailedPrecondition, "vm_deleted", "VM %q is being deleted; try again when it is gone", id)
}
