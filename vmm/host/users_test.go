package host_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host"
	"github.com/cardplane/cardplane/vmm/host/hosttest"
)

var firstUID atomic.Int64

func init() { firstUID.Store(2000100000) }

// newUsersBed is a bed whose VMMs run as users of their own. Only root can
// have one.
func newUsersBed(t *testing.T, landlock bool) *bed {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to give VMMs users of their own")
	}
	// Each test has uids of its own: a VMM that one server has started and
	// the next has ended is a zombie of this process, and keeps its uid.
	first := firstUID.Add(100)
	h := hosttest.New(t, func(c *host.Config) {
		c.UIDs = host.UIDRange{First: int(first), Last: int(first) + 9}
		c.Landlock = landlock
	})
	return &bed{T: t, host: h, link: h.Link(), ctx: t.Context()}
}

// startWithDisk starts a VM with a disk of its own and a blob.
func (b *bed) startWithDisk(id string) hostapi.VM {
	b.Helper()
	if _, err := b.link.PutDisk(b.ctx, id, hostapi.DiskSpec{SizeBytes: 4096}); err != nil {
		b.Fatal(err)
	}
	blob := b.upload([]byte("the kernel"))
	spec := emptySpec
	spec.Attachments = []hostapi.Attachment{{Name: "disk", Disk: &id}, {Name: "kernel", Blob: &blob, Readonly: true}}
	vm, err := b.link.PutVM(b.ctx, id, spec)
	if err != nil {
		b.Fatal(err)
	}
	return vm
}

// opens asks a VM's VMM to open a file.
func (b *bed) opens(id, path string, flags int) bool {
	b.Helper()
	return b.tell(id, "open", "path", path, "flags", fmt.Sprint(flags)) == "<nil>"
}

// A VMM reaches what is its VM's, and nothing of another VM, be it by its user
// alone or with Landlock.
func TestVMsAreStrangers(t *testing.T) {
	for _, landlock := range []bool{false, true} {
		t.Run(fmt.Sprintf("landlock=%v", landlock), func(t *testing.T) {
			b := newUsersBed(t, landlock)
			mine, other := b.startWithDisk("mine"), b.startWithDisk("other")
			if mine.Uid == other.Uid || mine.Uid <= 2000100000 {
				t.Fatalf("uids %d and %d", mine.Uid, other.Uid)
			}
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", mine.Pid))
			for _, want := range []string{
				fmt.Sprintf("Uid:\t%d\t%[1]d\t%[1]d\t%[1]d\n", mine.Uid), fmt.Sprintf("Gid:\t%d\t%[1]d\t%[1]d\t%[1]d\n", mine.Uid),
				"Groups:\t \n", "NoNewPrivs:\t1\n", "CapEff:\t0000000000000000\n",
			} {
				if err != nil || !strings.Contains(string(status), want) {
					t.Errorf("no %q in %s %v", want, status, err)
				}
			}
			for path, may := range map[string]bool{
				mine.Paths.Attachments["disk"]:                                 true,
				mine.Paths.Attachments["kernel"]:                               true,
				mine.Paths.Console:                                             true,
				other.Paths.Attachments["disk"]:                                false,
				other.Paths.Attachments["kernel"]:                              false,
				other.Paths.Console:                                            false,
				fmt.Sprintf("/proc/%d/mem", other.Pid):                         false,
				fmt.Sprintf("/proc/%d/environ", other.Pid):                     false,
				filepath.Join(filepath.Dir(mine.Paths.Console), "record.json"): false,
				filepath.Join(filepath.Dir(mine.Paths.Console), "log"):         false,
				filepath.Join(b.host.Config.DataDir, "disks", "other", "raw"):  false,
				filepath.Join(b.host.Config.DataDir, "disks", "mine", "raw"):   false,
				filepath.Join(b.host.Config.DataDir, "blobs", "complete"):      false,
				filepath.Join(b.host.Config.RunDir, "lock"):                    false,
			} {
				if got := b.tell("mine", "open", "path", path, "flags", "0"); (got == "<nil>" || got == "EOF") != may {
					t.Errorf("%s: %s", path, got)
				}
			}
			if !b.opens("mine", mine.Paths.Attachments["disk"], os.O_RDWR) {
				t.Error("a VM cannot write to its disk")
			}
			if b.opens("mine", mine.Paths.Attachments["kernel"], os.O_RDWR) {
				t.Error("a VM can write to a blob")
			}
			if b.opens("mine", "/etc/hostname", os.O_RDONLY) == landlock {
				t.Error("Landlock is not what was asked for")
			}
		})
	}
}

// A uid goes back when its VM is deleted, and stays with it over a restart.
func TestUIDLife(t *testing.T) {
	b := newUsersBed(t, true)
	freed := b.start("a").Uid
	if err := b.link.DeleteVM(b.ctx, "a", 0); err != nil {
		t.Fatal(err)
	}
	if vm := b.start("b"); vm.Uid != freed {
		t.Errorf("uid %d was not freed; b has %d", freed, vm.Uid)
	}
	b.host.Stop()
	b.host.Start()
	if vm := b.start("b"); vm.Uid != freed {
		t.Errorf("b has uid %d, had %d", vm.Uid, freed)
	}
	had := map[int]bool{freed: true}
	for i := range 8 {
		vm := b.start(fmt.Sprintf("more-%d", i))
		if had[vm.Uid] {
			t.Errorf("uid %d is shared", vm.Uid)
		}
		had[vm.Uid] = true
	}
	_, err := b.link.PutVM(b.ctx, "one-too-many", emptySpec)
	wantCode(t, err, "vm_uids_exhausted")
}

// Two daemons with the same range give no uid twice, also when the VMM that has
// it has ended and its VM is still there.
func TestUIDsOfTwoDaemons(t *testing.T) {
	one := newUsersBed(t, true)
	other := hosttest.New(t, func(c *host.Config) {
		c.UIDs, c.UIDDir = one.host.Config.UIDs, one.host.Config.UIDDir
	})
	two := &bed{T: t, host: other, link: other.Link(), ctx: t.Context()}
	vm := one.start("a")
	if err := syscall.Kill(vm.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := one.link.Wait(one.ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if got := two.start("b").Uid; got == vm.Uid {
		t.Errorf("uid %d is shared by the daemons", got)
	}
	if err := one.link.DeleteVM(one.ctx, "a", 0); err != nil {
		t.Fatal(err)
	}
	if got := two.start("c").Uid; got != vm.Uid {
		t.Errorf("uid %d was freed, and c has %d", vm.Uid, got)
	}
}

// A disk that only is read may be attached to several VMs, each of another
// user; and then to one that writes to it.
func TestSharedDisk(t *testing.T) {
	b := newUsersBed(t, true)
	id := "shared"
	if _, err := b.link.PutDisk(b.ctx, id, hostapi.DiskSpec{SizeBytes: 4096}); err != nil {
		t.Fatal(err)
	}
	spec := emptySpec
	spec.Attachments = []hostapi.Attachment{{Name: "d", Disk: &id, Readonly: true}}
	for _, vm := range []string{"a", "b"} {
		got, err := b.link.PutVM(b.ctx, vm, spec)
		if err != nil {
			t.Fatal(err)
		}
		if !b.opens(vm, got.Paths.Attachments["d"], os.O_RDONLY) || b.opens(vm, got.Paths.Attachments["d"], os.O_RDWR) {
			t.Errorf("%s cannot read the disk, or can write to it", vm)
		}
	}
	for _, vm := range []string{"a", "b"} {
		if err := b.link.DeleteVM(b.ctx, vm, 0); err != nil {
			t.Fatal(err)
		}
	}
	spec.Attachments = []hostapi.Attachment{{Name: "d", Disk: &id}}
	got, err := b.link.PutVM(b.ctx, "c", spec)
	if err != nil || !b.opens("c", got.Paths.Attachments["d"], os.O_RDWR) {
		t.Errorf("c cannot write to the disk: %v", err)
	}
}

// A directory that lets nobody pass is told before any VM fails on it.
func TestClosedDirectory(t *testing.T) {
	b := newUsersBed(t, true)
	b.host.Stop()
	closed := filepath.Dir(b.host.Config.RunDir)
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := host.New(b.host.Config)
	wantCode(t, err, "dir_closed")
	if !strings.Contains(err.Error(), "chmod o+x "+closed) {
		t.Errorf("no remedy in %v", err)
	}
	if err := os.Chmod(closed, 0o711); err != nil {
		t.Fatal(err)
	}
}
