package chvmm

import (
	"os"

	"github.com/cardplane/cardplane/openapi/chapi"
)

// checkDisks and checkPayload open what the configuration names the way the
// guest will need it. A file may still go away before the hypervisor opens it;
// the point is that nearly every failure has Cloud Hypervisor's chain of causes.
func checkDisks(disks []chapi.DiskConfig) error {
	for _, d := range disks {
		if err := checkDisk(d); err != nil {
			return NewFault("Error from device manager", err)
		}
	}
	return nil
}

func checkPayload(p *chapi.PayloadConfig) error {
	if err := openable(p.Kernel, os.O_RDONLY); err != nil {
		return NewFault("Cannot open kernel file", err)
	}
	if p.Initramfs != "" {
		if err := openable(p.Initramfs, os.O_RDONLY); err != nil {
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
