package vmmtest

import (
	"encoding/json"
	"os"
	"strconv"
	"testing"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm"
)

// restoreEvents is how every restored VM begins.
var restoreEvents = []vmm.EventKind{vmm.EventVMMStarting, vmm.EventRestoring, vmm.EventRestored}

// snapshotGuest boots a guest with a disk that remembers a word and has one on
// its disk, and snapshots it. It stays paused.
func (b *bench) snapshotGuest(cfg chapi.VmConfig) string {
	b.Helper()
	cfg.Disks = append(cfg.Disks, chapi.DiskConfig{Id: "root", Path: b.disk("root"), ImageType: chapi.Raw, Serial: "root"})
	b.bootGuest(cfg)
	b.wants("remember elephant", "ok")
	b.wants("write root before", "ok")
	return b.snapshot("snapshot")
}

// snapshot pauses the guest and snapshots it into a new directory.
func (b *bench) snapshot(name string) string {
	b.Helper()
	dir := b.mkdir(name)
	b.ok(b.vmm.Pause(b.ctx))
	b.ok(b.vmm.Snapshot(b.ctx, dir))
	b.state(chapi.Paused)
	for _, file := range []string{"config.json", "state.json", "memory-ranges"} {
		if _, err := os.Stat(dir + "/" + file); err != nil {
			b.Error(err)
		}
	}
	return dir
}

func testSnapshotRunning(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.bootGuest(b.guestConfig())
	dir := b.mkdir("snapshot")
	b.fails(b.vmm.Snapshot(b.ctx, dir), "vmm_failed", "Trying to snapshot while VM is running")
	b.fails(b.vmm.Restore(b.ctx, dir, false), "vm_wrong_state", "VM is already created")
	b.expect(append(bootEvents[:3:3], vmm.EventSnapshotting)...)
}

func testSnapshotErrors(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.bootGuest(b.guestConfig())
	dir := b.mkdir("snapshot")
	b.ok(b.vmm.Pause(b.ctx))
	b.fails(b.vmm.Snapshot(b.ctx, dir+"/missing"), "vmm_failed", "Destination is not a directory")
	b.ok(os.WriteFile(dir+"/config.json", nil, 0o600))
	b.fails(b.vmm.Snapshot(b.ctx, dir), "vmm_failed", "Error creating VM config snapshot file")
	b.state(chapi.Paused)
	b.ok(b.vmm.Resume(b.ctx))
	b.expect(append(bootEvents[:3:3], vmm.EventPausing, vmm.EventPaused, vmm.EventSnapshotting,
		vmm.EventSnapshotted, vmm.EventSnapshotting, vmm.EventSnapshotted, vmm.EventResuming, vmm.EventResumed)...)
}

// testSnapshot lets the source go on, ends it, and goes back to the snapshot in
// a new VMM.
func testSnapshot(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	dir := b.snapshotGuest(b.guestConfig())
	b.ok(b.vmm.Resume(b.ctx))
	b.awaitGuest()
	b.wants("recall", "elephant")
	b.wants("remember mouse", "ok")
	b.expect(append(bootEvents[:3:3], vmm.EventPausing, vmm.EventPaused, vmm.EventSnapshotting, vmm.EventSnapshotted,
		vmm.EventResuming, vmm.EventResumed)...)
	b.ok(b.vmm.ShutdownVMM(b.ctx))
	b.expect(vmm.EventShutdown, vmm.EventDeleted, vmm.EventVMMShutdown)
	b.exit(0)

	b.launch(StartOptions{Socket: b.socket})
	b.ok(b.vmm.Restore(b.ctx, dir, false))
	b.expect(restoreEvents...)
	b.state(chapi.Paused)
	b.fails(b.vmm.Restore(b.ctx, dir, false), "vm_wrong_state", "VM is already created")
	b.fails(b.vmm.Create(b.ctx, plainConfig()), "vm_wrong_state", "VM is already created")
	b.ok(b.vmm.Resume(b.ctx))
	b.awaitGuest()
	b.wants("recall", "elephant")
	b.wants("read root", "before")
	b.wants("write root after", "ok")
	b.tell("poweroff")
	b.expect(vmm.EventResuming, vmm.EventResumed, vmm.EventShutdown, vmm.EventDeleted, vmm.EventVMMShutdown)
	b.exit(0)
	b.gone(b.dir + "/vsock")
}

func testSnapshotKeepsConnections(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.bootGuest(b.guestConfig())
	conn := b.echo()
	b.snapshot("snapshot")
	b.ok(b.vmm.Resume(b.ctx))
	conn.speak()
}

// testRestoreAfterKill restores with resume where the source was killed, and
// then reboots, so that the restored VM has all that a VM needs.
func testRestoreAfterKill(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	dir := b.snapshotGuest(b.guestConfig())
	b.proc.Kill()
	_ = os.Remove(b.dir + "/vsock") // a killed VMM leaves it
	b.launch(StartOptions{Socket: b.socket})
	b.ok(b.vmm.RestoreFrom(b.ctx, chapi.RestoreConfig{SourceUrl: "file://" + dir, Prefault: true, Resume: true}))
	b.expect(append(restoreEvents[:3:3], vmm.EventResuming, vmm.EventResumed)...)
	b.state(chapi.Running)
	b.awaitGuest()
	b.wants("recall", "elephant")
	b.tell("reboot")
	b.expect(vmm.EventRebooting, vmm.EventRebooted)
	b.awaitGuest()
	b.wants("recall", "")
	b.wants("read root", "before")
}

// testRestoreElsewhere makes a second VM from the snapshot beside the first: it
// has other disks, vsock socket and serial file. One of the disks is smaller than
// the blank one in whose place it is, which no guest has looked at.
func testRestoreElsewhere(t *testing.T, s Subject) {
	source, b := newBench(t, s, StartOptions{}), newBench(t, s, StartOptions{})
	cfg := source.guestConfig()
	blank := source.disk("blank")
	source.ok(os.Truncate(blank, 1<<40))
	cfg.Disks = append(cfg.Disks, chapi.DiskConfig{Id: "image", Path: blank, Readonly: true, ImageType: chapi.Raw, Serial: "image"})
	dir := source.snapshotGuest(cfg)
	source.ok(source.vmm.Resume(source.ctx))
	disk, image := b.diskOf("root", "copied"), b.diskOf("image", "content")
	editConfig(t, dir, func(cfg map[string]any) {
		cfg["disks"].([]any)[0].(map[string]any)["path"] = image
		cfg["disks"].([]any)[1].(map[string]any)["path"] = disk
		cfg["vsock"].(map[string]any)["socket"] = b.dir + "/vsock"
		cfg["serial"].(map[string]any)["file"] = b.dir + "/serial"
	})
	b.ok(b.vmm.Restore(b.ctx, dir, true))
	b.awaitGuest()
	b.wants("recall", "elephant")
	b.wants("read root", "copied")
	b.wants("read image", "content")
	b.wants("write root mine", "ok")
	source.awaitGuest()
	source.wants("recall", "elephant")
	source.wants("read root", "before")
}

// testRestorePlug plugs a disk into a restored VM before its guest runs.
func testRestorePlug(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	dir := b.snapshotGuest(b.guestConfig())
	b.ok(b.vmm.ShutdownVMM(b.ctx))
	_, err := b.proc.Wait(b.ctx)
	b.ok(err)

	b.launch(StartOptions{Socket: b.socket})
	b.ok(b.vmm.Restore(b.ctx, dir, false))
	b.hotDisk("late")
	b.state(chapi.Paused)
	b.ok(b.vmm.Resume(b.ctx))
	b.awaitGuest()
	b.until(func() bool { return b.tell("disks") == "late root" })
	b.wants("read root", "before")
	b.wants("write late hello", "ok")
	b.wants("read late", "hello")
}

// editConfig changes a snapshot's configuration, all else in it staying.
func editConfig(t *testing.T, dir string, edit func(map[string]any)) {
	t.Helper()
	text, err := os.ReadFile(dir + "/config.json")
	if err != nil {
		t.Fatal(err)
	}
	var cfg map[string]any
	if err := json.Unmarshal(text, &cfg); err != nil {
		t.Fatal(err)
	}
	edit(cfg)
	if err := os.WriteFile(dir+"/config.json", []byte(marshal(cfg)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// testRestoreResized restores a VM that was resized while it ran.
func testRestoreResized(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.bootGuest(b.resizable())
	b.hotDisk("one")
	b.hotDisk("two")
	vcpus := int32(2)
	if _, fixed := s.difference("VCPUs"); fixed {
		vcpus = 1
	}
	b.ok(b.resizeVCPUs(vcpus))
	b.until(func() bool { return b.number("cpus") == int64(vcpus) })
	had := b.number("memory")
	b.ok(b.resizeRAM(384 * mib))
	b.until(func() bool { return b.number("memory") >= had+128*mib*9/10 && b.tell("disks") == "one two" })
	b.ok(b.vmm.RemoveDevice(b.ctx, "one"))
	b.expect(append(bootEvents[:3:3], vmm.EventResizing, vmm.EventResized, vmm.EventResizing, vmm.EventResized, vmm.EventDeviceRemoved)...)
	b.wants("disks", "two")
	b.wants("write two hello", "ok")
	memory := b.number("memory")
	dir := b.snapshot("snapshot")
	b.ok(b.vmm.ShutdownVMM(b.ctx))
	_, err := b.proc.Wait(b.ctx)
	b.ok(err)

	b.launch(StartOptions{Socket: b.socket})
	b.ok(b.vmm.Restore(b.ctx, dir, true))
	b.awaitGuest()
	b.wants("cpus", strconv.Itoa(int(vcpus)))
	b.wants("disks", "two")
	b.wants("read two", "hello")
	if now := b.number("memory"); now != memory {
		t.Errorf("the guest had %d bytes and has %d", memory, now)
	}
	b.ok(os.Remove(b.dir + "/one"))
	b.hotDisk("one")
	b.until(func() bool { return b.tell("disks") == "one two" })
	b.ok(b.vmm.RemoveDevice(b.ctx, "two"))
	b.until(func() bool { return b.tell("disks") == "one" })
	if vcpus > 1 {
		b.ok(b.resizeVCPUs(3))
		b.until(func() bool { return b.number("cpus") == 3 })
	}
	b.ok(b.resizeRAM(512 * mib))
	b.until(func() bool { return b.number("memory") >= memory+128*mib*9/10 })
}
