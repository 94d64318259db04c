package machine

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/durable"
	"github.com/cardplane/cardplane/vmm/host/internal/procs"
	"github.com/cardplane/cardplane/vmm/host/internal/snapshot"
	"github.com/cardplane/cardplane/vmm/host/internal/tail"
)

// record is what the run directory says of a VM. It is written before the
// process exists, and again each time more is known.
type record struct {
	ID          string            `json:"id"`
	Spec        hostapi.VMSpec    `json:"spec"`
	Kind        hostapi.VMMKind   `json:"kind"`
	Attachments map[string]string `json:"attachments"`
	// Plugged is what it was given after its start, beyond the Spec's.
	Plugged []hostapi.Attachment `json:"plugged,omitempty"`
	// Unplugged names those of the Spec's disks that were taken away.
	Unplugged []string `json:"unplugged,omitempty"`
	// SaveDir and RestoreDir are the directories of its snapshots, "" where
	// the spec wants none.
	SaveDir    string `json:"saveDir,omitempty"`
	RestoreDir string `json:"restoreDir,omitempty"`
	// Version is what the VMM has called itself.
	Version   string    `json:"version,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	// UID is the user and the group of the VMM, this VM's alone; 0 where
	// VMMs run as the daemon's own user.
	UID int `json:"uid"`
	// BootID is the host's when the VM was made. No process outlives it.
	BootID string `json:"bootId"`
	// Process is zero until the VMM was spawned and its name recorded.
	Process procs.Ident `json:"process"`
	// Ready says that the API socket has accepted.
	Ready bool `json:"ready"`
	// Exit is nil until the VMM's end was noticed.
	Exit *hostapi.VMExit `json:"exit,omitempty"`
}

// vm is one VM of this host.
//
//	starting ──► running ──► exited
//	    └── (start failed) ──► gone ◄── (deleted) ── any
type vm struct {
	dir layout
	// sources are the attachments' files, by the card's names. They are
	// known to the daemon that makes the VM, which links them.
	sources map[string]string
	// loan is the snapshot that the VM is to be started from; known to the
	// same daemon.
	loan *snapshot.Loan
	// startCtx ends when the start is to be given up.
	startCtx    context.Context
	cancelStart context.CancelFunc
	// started is closed when the start is over; startErr is set before.
	started  chan struct{}
	startErr error
	// exited is closed when the VMM has ended and that is recorded.
	exited chan struct{}
	// gone is closed when nothing is left of the VM.
	gone chan struct{}

	// erasing is held by the one who removes the VM's traces.
	erasing sync.Mutex

	mu       sync.Mutex
	rec      record
	deleting bool
	// child is the process if this vmmd started it, nil if it was adopted.
	child  *exec.Cmd
	handle *procs.Handle
}

func newVM(ctx context.Context, dir layout, rec record) *vm {
	v := &vm{
		dir:     dir,
		rec:     rec,
		started: make(chan struct{}),
		exited:  make(chan struct{}),
		gone:    make(chan struct{}),
	}
	v.startCtx, v.cancelStart = context.WithCancel(ctx)
	return v
}

// update changes the record and writes it. After an error nothing has changed.
func (v *vm) update(change func(*record)) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	next := v.rec
	change(&next)
	if err := durable.ReplaceJSON(v.dir.record(), next); err != nil {
		return err
	}
	v.rec = next
	return nil
}

func (v *vm) snapshot() record {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.rec
}

// process returns the handle of the VMM, nil before it is spawned.
func (v *vm) process() *procs.Handle {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.handle
}

func (v *vm) isDeleting() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.deleting
}

func (r *record) state() hostapi.VMState {
	switch {
	case r.Exit != nil:
		return hostapi.Exited
	case r.Ready:
		return hostapi.Running
	default:
		return hostapi.Starting
	}
}

// Bounds of the evidence that an exited VM shows.
const (
	evidenceLines = 20
	evidenceBytes = 16 << 10
)

// view returns what the record says of the VM.
func (v *vm) view() hostapi.VM {
	rec := v.snapshot()
	out := hostapi.VM{
		Id:        rec.ID,
		Spec:      rec.Spec,
		State:     rec.state(),
		Vmm:       rec.Kind,
		Pid:       rec.Process.PID,
		Uid:       rec.UID,
		CreatedAt: rec.CreatedAt,
		Paths:     v.dir.paths(rec),
		Exit:      rec.Exit,
		LogTail:   []string{},
	}
	if len(rec.Plugged) > 0 {
		out.Plugged = &rec.Plugged
	}
	if len(rec.Unplugged) > 0 {
		out.Unplugged = &rec.Unplugged
	}
	if rec.UID == 0 {
		out.Uid = os.Geteuid()
	}
	if rec.Exit != nil {
		out.LogTail = tail.LastLines(v.dir.log(), evidenceLines, evidenceBytes)
	}
	return out
}

// reap takes the exit status of an ended child. That of an adopted VMM went
// to another parent and stays unknown.
func (v *vm) reap() hostapi.VMExit {
	exit := hostapi.VMExit{At: time.Now().UTC()}
	v.mu.Lock()
	child := v.child
	v.mu.Unlock()
	if child == nil {
		return exit
	}
	// Wait's error is the exit status in another form, or a failure to
	// write the log that the process has not seen.
	_ = child.Wait()
	status, ok := child.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case !ok:
	case status.Exited():
		exit.Code = new(status.ExitStatus())
	case status.Signaled():
		exit.Signal = new(int(status.Signal()))
	}
	return exit
}

// trim bounds the files that the VMM and its guest write without end.
func (v *vm) trim() error {
	var failed []error
	for _, path := range []string{v.dir.console(), v.dir.log(), v.dir.events()} {
		if err := tail.Trim(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}
