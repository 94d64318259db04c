package chvmm

import (
	"os"

	"github.com/cardplane/cardplane/openapi/chapi"
)

// checkFiles opens what the configuration names the way the guest will need
// it. A file may still go away before the hypervisor opens it; the point is
// that nearly every failure has Cloud Hypervisor's chain of causes.
func checkFiles(cfg *chapi.VmConfig) error {
	for _, d := range cfg.Disks {
		if err := checkDisk(d); err != nil {
			return NewFault("Error from device manager", err)
		}
	}
	if err := openable(cfg.Payload.Kernel, os.O_RDONLY); err != nil {
		return NewFault("Cannot open kernel file", err)
	}
	if cfg.Payload.Initramfs != "" {
		if err := openable(cfg.Payload.Initramfs, os.O_RDONLY); err != nil {
			return NewFault("Cannot open initramfs file", err)
		}
	}
	return nil
}

func checkDisk(d chapi.DiskConfig) error {
	if d.Path == "" {
		return &Fault{Text: "No disk path was specified when one was expected"}
	}
	flags := os.O_RDWR
	if d.Readonly {
		flags = os.O_RDONLY
	}
	if err := openable(d.Path, flags); err != nil {
		return NewFault("Cannot open disk path", err)
	}
	return nil
}

func openable(path string, flags int) error {
	f, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return err
	}
	return f.Close()
}
