package host_test

import (
	"errors"
	"os"
	"testing"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/machine"
)

// disk makes a disk.
func (b *bed) disk(id string) {
	b.Helper()
	if _, err := b.link.PutDisk(b.ctx, id, hostapi.DiskSpec{SizeBytes: 4096}); err != nil {
		b.Fatal(err)
	}
}

// A VM that runs is given files and gives them back. Meanwhile they are as
// those of its start: nothing removes them, and a disk has one writer, also for
// a daemon that was started again.
func TestGivenAttachments(t *testing.T) {
	b := newBed(t)
	blob := b.upload([]byte("image"))
	b.disk("d")
	b.start("a")
	own, image := hostapi.AttachmentSpec{Disk: ptr("d")}, hostapi.AttachmentSpec{Blob: &blob, Readonly: true}
	for range 2 {
		for name, spec := range map[string]hostapi.AttachmentSpec{"own": own, "image": image} {
			vm, err := b.link.PutAttachment(b.ctx, "a", name, spec)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(vm.Paths.Attachments[name]); err != nil {
				t.Error(err)
			}
		}
	}
	_, err := b.link.PutAttachment(b.ctx, "a", "own", image)
	wantCode(t, err, "attachment_exists")
	_, err = b.link.PutAttachment(b.ctx, "a", "more", own)
	wantCode(t, err, "disk_attached")
	b.host.Stop()
	b.host.Start()
	vm, err := b.link.VM(b.ctx, "a")
	if err != nil || vm.Plugged == nil || len(*vm.Plugged) != 2 || len(vm.Spec.Attachments) != 0 {
		t.Fatalf("after a restart: %+v, %v", vm, err)
	}
	again := b.start("a") // its specification is what it was
	if again.Pid != vm.Pid {
		t.Errorf("another VM: %+v", again)
	}
	wantCode(t, b.link.DeleteDisk(b.ctx, "d"), "disk_in_use")
	wantCode(t, b.link.DeleteBlob(b.ctx, blob), "blob_in_use")
	other := emptySpec
	other.Attachments = []hostapi.Attachment{{Name: "d", Disk: ptr("d")}}
	_, err = b.link.PutVM(b.ctx, "b", other)
	wantCode(t, err, "disk_attached")
	for range 2 {
		if err := errors.Join(b.link.DeleteAttachment(b.ctx, "a", "own"), b.link.DeleteAttachment(b.ctx, "a", "image")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(vm.Paths.Attachments["own"]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the link is left: %v", err)
	}
	if _, err := b.link.PutVM(b.ctx, "b", other); err != nil {
		t.Fatal(err)
	}
	wantCode(t, b.link.DeleteDisk(b.ctx, "d"), "disk_in_use")
}

// A disk of a VM's start can be taken from it and given back, and is another's in
// between. What else it was started with it keeps.
func TestOwnDiskTakenAway(t *testing.T) {
	b := newBed(t)
	blob := b.upload([]byte("kernel"))
	b.disk("d")
	spec := emptySpec
	spec.Attachments = []hostapi.Attachment{{Name: "d", Disk: ptr("d")}, {Name: "kernel", Blob: &blob, Readonly: true}}
	made, err := b.link.PutVM(b.ctx, "a", spec)
	if err != nil {
		t.Fatal(err)
	}
	own := hostapi.AttachmentSpec{Disk: ptr("d")}
	if _, err := b.link.PutAttachment(b.ctx, "a", "d", own); err != nil {
		t.Errorf("what it has: %v", err)
	}
	wantCode(t, b.link.DeleteAttachment(b.ctx, "a", "kernel"), "attachment_in_use")
	for range 2 {
		if err := b.link.DeleteAttachment(b.ctx, "a", "d"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(made.Paths.Attachments["d"]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the link is left: %v", err)
	}
	b.host.Stop()
	b.host.Start()
	vm, err := b.link.PutVM(b.ctx, "a", spec) // its specification is what it was
	if err != nil || vm.Pid != made.Pid || vm.Unplugged == nil || len(*vm.Unplugged) != 1 {
		t.Fatalf("after a restart: %+v, %v", vm, err)
	}
	b.start("b")
	if _, err := b.link.PutAttachment(b.ctx, "b", "d", own); err != nil {
		t.Fatal(err)
	}
	_, err = b.link.PutAttachment(b.ctx, "a", "d", own)
	wantCode(t, err, "disk_attached")
	if err := b.link.DeleteAttachment(b.ctx, "b", "d"); err != nil {
		t.Fatal(err)
	}
	if vm, err = b.link.PutAttachment(b.ctx, "a", "d", own); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(vm.Paths.Attachments["d"]); err != nil {
		t.Error(err)
	}
	wantCode(t, b.link.DeleteDisk(b.ctx, "d"), "disk_in_use")
	if err := b.link.DeleteAttachment(b.ctx, "a", "d"); err != nil {
		t.Fatal(err)
	}
	if err := b.link.DeleteDisk(b.ctx, "d"); err != nil {
		t.Error(err)
	}
}

func TestBadAttachment(t *testing.T) {
	b := newBed(t)
	_, err := b.link.PutAttachment(b.ctx, "a", "x", hostapi.AttachmentSpec{Disk: ptr("d")})
	wantCode(t, err, "vm_not_found")
	b.start("a")
	_, err = b.link.PutAttachment(b.ctx, "a", "x", hostapi.AttachmentSpec{})
	wantCode(t, err, "invalid_attachment")
	_, err = b.link.PutAttachment(b.ctx, "a", "x", hostapi.AttachmentSpec{Disk: ptr("d")})
	wantCode(t, err, "disk_not_found")
	b.disk("d")
	b.tell("a", "exit", "code", "0")
	if _, err := b.link.Wait(b.ctx, "a"); err != nil {
		t.Fatal(err)
	}
	_, err = b.link.PutAttachment(b.ctx, "a", "x", hostapi.AttachmentSpec{Disk: ptr("d")})
	wantCode(t, err, "vm_exited")
	for _, vm := range []string{"a", "none"} {
		if err := b.link.DeleteAttachment(b.ctx, vm, "x"); err != nil {
			t.Error(err)
		}
	}
}

// A daemon that is killed at any step of giving a file or taking it away leaves
// a VM to which the same can be done again.
func TestKilledWhileAttaching(t *testing.T) {
	for _, at := range []string{machine.OpRecordPlug, machine.OpPlug, machine.OpUnplug, machine.OpRecordUnplug} {
		t.Run(at, func(t *testing.T) {
			b := newBed(t)
			b.disk("d")
			b.host.Stop()
			cmd, l := b.daemon(at)
			if _, err := l.PutVM(b.ctx, "a", emptySpec); err != nil {
				t.Fatal(err)
			}
			spec := hostapi.AttachmentSpec{Disk: ptr("d")}
			_, err := l.PutAttachment(b.ctx, "a", "x", spec)
			if err == nil {
				err = l.DeleteAttachment(b.ctx, "a", "x")
			}
			if err == nil {
				t.Fatal("the daemon did not die")
			}
			_ = cmd.Wait()
			b.host.Start()
			vm, err := b.link.PutAttachment(b.ctx, "a", "x", spec)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(vm.Paths.Attachments["x"]); err != nil {
				t.Error(err)
			}
			if err := errors.Join(b.link.DeleteAttachment(b.ctx, "a", "x"), b.link.DeleteDisk(b.ctx, "d"), b.link.DeleteVM(b.ctx, "a", 0)); err != nil {
				t.Error(err)
			}
			b.wantNothingLeft()
		})
	}
}
