package computehost

import (
	"fmt"
	"path/filepath"

	"github.com/cardplane/cardplane/rootfs/manifest"
)

// qmpFD is the descriptor of the monitor's connection in QEMU.
const qmpFD = 3

// arguments renders QEMU's command line. The machine is a q35 without what a
// server in the cloud has not; its memory is shared with the vsock device.
func arguments(cfg Config, m *manifest.Manifest, dir string) []string {
	args := []string{
		"-machine", "q35,smm=off,hpet=off,vmport=off,sata=off,smbus=off,usb=off,memory-backend=ram",
		"-object", fmt.Sprintf("memory-backend-memfd,id=ram,size=%dM,share=on", cfg.MemoryMiB),
		"-smp", fmt.Sprint(cfg.CPUs), "-m", fmt.Sprintf("%dM", cfg.MemoryMiB),
		"-nodefaults", "-no-user-config", "-display", "none",
		"-action", "reboot=shutdown,shutdown=poweroff,panic=none",
		"-chardev", fmt.Sprintf("socket,id=qmp,fd=%d", qmpFD), "-mon", "chardev=qmp,mode=control",
		"-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
		"-kernel", filepath.Join(cfg.Image, m.Kernel.File),
		"-append", m.Cmdline,
		"-device", "virtio-rng-pci",
		"-device", "pvpanic-pci",
		"-drive", "if=none,id=root,format=raw,readonly=on,file=" + filepath.Join(cfg.Image, m.Rootfs.File),
		"-device", "virtio-blk-pci,drive=root",
		"-drive", "if=none,id=data,format=raw,cache=unsafe,discard=unmap,detect-zeroes=unmap,file=" + filepath.Join(dir, dataName),
		"-device", "virtio-blk-pci,drive=data",
		"-chardev", "socket,id=vsock,path=" + filepath.Join(dir, vhostName),
		"-device", "vhost-user-vsock-pci,chardev=vsock",
	}
	if m.Initrd != nil {
		args = append(args, "-initrd", filepath.Join(cfg.Image, m.Initrd.File))
	}
	return append(args, cfg.Accel.arguments()...)
}
