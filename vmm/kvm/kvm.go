// Package kvm says whether hardware virtualisation can be used here.
//
// The device node alone proves nothing: some machines have a /dev/kvm that
// passes every capability check and yet runs stock guests instruction by
// instruction, because nothing but software stands behind it. So the
// processor's flags must promise it too.
package kvm

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Lack is why KVM cannot be used.
type Lack int

// The lacks, in the order in which they are looked for.
const (
	// NoDevice is a /dev/kvm that does not exist.
	NoDevice Lack = iota + 1
	// NoAccess is a /dev/kvm that this process may not open.
	NoAccess
	// BadDevice is a /dev/kvm that is no KVM of API version 12.
	BadDevice
	// NoProcessor is a processor without virtualisation (neither vmx nor svm).
	NoProcessor
)

// Unusable is the error of a machine without usable KVM.
type Unusable struct {
	Lack Lack
	// Err is the cause, or nil.
	Err error
}

// lacks are the sentences: what is wrong, and the one thing that mends it.
var lacks = map[Lack][2]string{
	NoDevice:    {"there is no /dev/kvm", "modprobe kvm_intel or kvm_amd; in a virtual machine, enable nested virtualisation"},
	NoAccess:    {"/dev/kvm may not be opened", "add the user to the group kvm"},
	BadDevice:   {"/dev/kvm is not a KVM of API version 12", "load the kernel's own kvm module"},
	NoProcessor: {"the processor has neither vmx nor svm, so /dev/kvm would run guests in software", "use a machine with hardware virtualisation, or enable it in the firmware or in the outer hypervisor"},
}

// Error says what is wrong.
func (u *Unusable) Error() string {
	if u.Err != nil {
		return fmt.Sprintf("%s: %v", lacks[u.Lack][0], u.Err)
	}
	return lacks[u.Lack][0]
}

// Unwrap returns the cause.
func (u *Unusable) Unwrap() error { return u.Err }

// Remedy says what to do.
func (u *Unusable) Remedy() string { return lacks[u.Lack][1] }

// apiVersion is what every kernel since 2.6.22 answers to KVM_GET_API_VERSION.
const (
	apiVersion       = 12
	kvmGetAPIVersion = 0xae00
)

// Usable returns nil where guests run on the processor itself, and an
// *Unusable otherwise.
func Usable() error {
	if err := Device(); err != nil {
		return err
	}
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return &Unusable{Lack: NoProcessor, Err: err}
	}
	defer func() { _ = f.Close() }()
	return processor(f)
}

// Device returns nil where /dev/kvm can be opened and is a KVM. That is enough
// for a VMM to start, and not for its guests to run well.
func Device() error { return device("/dev/kvm") }

func device(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		return &Unusable{Lack: NoDevice}
	case errors.Is(err, os.ErrPermission):
		return &Unusable{Lack: NoAccess}
	case err != nil:
		return &Unusable{Lack: BadDevice, Err: err}
	}
	defer func() { _ = f.Close() }()
	version, err := unix.IoctlRetInt(int(f.Fd()), kvmGetAPIVersion)
	if err != nil || version != apiVersion {
		return &Unusable{Lack: BadDevice, Err: err}
	}
	return nil
}

// processor looks for the flags in the format of /proc/cpuinfo.
func processor(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 64<<10)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if strings.TrimSpace(name) != "flags" {
			continue
		}
		flags := strings.Fields(value)
		if slices.Contains(flags, "vmx") || slices.Contains(flags, "svm") {
			return nil
		}
	}
	return &Unusable{Lack: NoProcessor, Err: lines.Err()}
}
