package host_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/snapshot"
)

// savable is the specification of a VM that saves itself.
func (b *bed) savable() hostapi.VMSpec {
	b.Helper()
	kernel := b.upload([]byte("the kernel"))
	spec := emptySpec
	spec.Savable = true
	spec.Attachments = []hostapi.Attachment{{Name: "kernel", Blob: &kernel, Readonly: true}}
	return spec
}

// save makes a VM that has saved itself, as its VMM would have done, and has
// exited.
func (b *bed) save(id string, spec hostapi.VMSpec) {
	b.Helper()
	vm, err := b.link.PutVM(b.ctx, id, spec)
	if err != nil {
		b.Fatal(err)
	}
	config := fmt.Sprintf(`{"payload":{"kernel":%q},"vsock":{"cid":3,"socket":%q},"serial":{"file":%q},"memory":{"size":9007199254740993}}`,
		vm.Paths.Attachments["kernel"], vm.Paths.Vsock, vm.Paths.Console)
	for name, text := range map[string]string{"config.json": config, "state.json": "{}", "memory-ranges": "memory"} {
		if err := os.WriteFile(filepath.Join(vm.Paths.Save, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	_, err = b.link.PutSnapshot(b.ctx, "early", hostapi.SnapshotSpec{Vm: id})
	wantCode(b.T, err, "vm_running")
	b.tell(id, "exit")
	for vm.State != hostapi.Exited {
		if vm, err = b.link.VM(b.ctx, id); err != nil {
			b.Fatal(err)
		}
	}
}

// keep is save, with the snapshot s made of it and the VM deleted.
func (b *bed) keep(spec hostapi.VMSpec) {
	b.Helper()
	b.save("source", spec)
	if _, err := b.link.PutSnapshot(b.ctx, "s", hostapi.SnapshotSpec{Vm: "source"}); err != nil {
		b.Fatal(err)
	}
	if err := b.link.DeleteVM(b.ctx, "source", 0); err != nil {
		b.Fatal(err)
	}
}

func (b *bed) snapshots() []hostapi.Snapshot {
	b.Helper()
	list, err := b.link.Snapshots(b.ctx)
	if err != nil {
		b.Fatal(err)
	}
	return list
}

// A VM starts from what another has saved, with its own paths, and nothing of
// it can be written to.
func TestSnapshot(t *testing.T) {
	b := newBed(t)
	spec := b.savable()
	b.keep(spec)
	// The answer may have been lost.
	again, err := b.link.PutSnapshot(b.ctx, "s", hostapi.SnapshotSpec{Vm: "source"})
	if err != nil || again.VmmVersion != "v53.0.0" || again.SizeBytes == 0 {
		t.Fatalf("%+v, %v", again, err)
	}
	b.host.Stop()
	b.host.Start()
	spec.Savable, spec.Snapshot = false, ptr("s")
	vm, err := b.link.PutVM(b.ctx, "copy", spec)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(vm.Paths.Snapshot, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Payload struct{ Kernel string }
		Vsock   struct{ Socket string }
		Serial  struct{ File string }
		Memory  struct{ Size int64 }
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Payload.Kernel != vm.Paths.Attachments["kernel"] || got.Vsock.Socket != vm.Paths.Vsock ||
		got.Serial.File != vm.Paths.Console || got.Memory.Size != 9007199254740993 {
		t.Errorf("the configuration is %s, the paths %+v", text, vm.Paths)
	}
	for _, name := range []string{"config.json", "state.json", "memory-ranges"} {
		if info, err := os.Stat(filepath.Join(vm.Paths.Snapshot, name)); err != nil || info.Mode().Perm() != 0o444 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if used := b.snapshots()[0]; !used.UsedAt.After(again.UsedAt) {
		t.Errorf("used at %s, before at %s", used.UsedAt, again.UsedAt)
	}
	// A VM goes on without the snapshot that it was started from.
	for range 2 {
		if err := b.link.DeleteSnapshot(b.ctx, "s"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.ReadFile(filepath.Join(vm.Paths.Snapshot, "memory-ranges")); err != nil {
		t.Error(err)
	}
	if err := b.link.DeleteVM(b.ctx, "copy", 0); err != nil {
		t.Fatal(err)
	}
	b.wantNothingLeft()
	if left, err := os.ReadDir(filepath.Join(b.host.Config.DataDir, "snapshots")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestSnapshotRefused(t *testing.T) {
	b := newBed(t)
	put := func(id, vm string) error {
		_, err := b.link.PutSnapshot(b.ctx, id, hostapi.SnapshotSpec{Vm: vm})
		return err
	}
	wantCode(t, put("s", "none"), "vm_not_found")
	wantCode(t, put("../s", "none"), "invalid_id")
	wantCode(t, put("s", "a/b"), "invalid_id")
	start := func(id string, spec hostapi.VMSpec) error {
		_, err := b.link.PutVM(b.ctx, id, spec)
		return err
	}
	spec := b.savable()
	from := spec
	from.Snapshot = ptr("s")
	wantCode(t, start("copy", from), "snapshot_not_found")

	b.keep(spec)
	wantCode(t, put("s", "another"), "snapshot_exists")
	from.Attachments = []hostapi.Attachment{}
	wantCode(t, start("copy", from), "snapshot_mismatch")
	from.Attachments, from.Snapshot = spec.Attachments, ptr("..")
	wantCode(t, start("copy", from), "invalid_id")

	b.save("link", spec)
	vm, err := b.link.VM(b.ctx, "link")
	if err != nil {
		t.Fatal(err)
	}
	memory := filepath.Join(vm.Paths.Save, "memory-ranges")
	if err := os.Link(memory, filepath.Join(vm.Paths.Save, "second")); err != nil {
		t.Fatal(err)
	}
	wantCode(t, put("t", "link"), "snapshot_missing")
	if err := os.WriteFile(filepath.Join(vm.Paths.Save, "config.json"), []byte("["), 0o600); err != nil {
		t.Fatal(err)
	}
	wantCode(t, put("t", "link"), "snapshot_invalid")
	if list := b.snapshots(); len(list) != 1 {
		t.Errorf("snapshots %+v", list)
	}
}

// Wherever the making of a snapshot ends, there is a whole one or none.
func TestSnapshotCutShort(t *testing.T) {
	for _, op := range []string{snapshot.OpTake, snapshot.OpRecord, snapshot.OpPlace} {
		t.Run(op, func(t *testing.T) {
			b := newBed(t)
			b.host.Stop()
			b.host.Config.Step = func(at string) error {
				if at == op {
					return os.ErrDeadlineExceeded
				}
				return nil
			}
			b.host.Start()
			b.save("source", b.savable())
			if _, err := b.link.PutSnapshot(b.ctx, "s", hostapi.SnapshotSpec{Vm: "source"}); err == nil {
				t.Fatal("no error")
			}
			dir := filepath.Join(b.host.Config.DataDir, "snapshots")
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
			// As after a death in the middle.
			b.host.Stop()
			if err := os.MkdirAll(filepath.Join(dir, "s", "files.tmp"), 0o700); err != nil {
				t.Fatal(err)
			}
			b.host.Start()
			if list := b.snapshots(); len(list) > 0 {
				t.Errorf("snapshots %+v", list)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}
