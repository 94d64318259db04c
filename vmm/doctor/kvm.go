package doctor

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// What ProbeKVM looks at.
const (
	kvmDevice = "/dev/kvm"
	cpuInfo   = "/proc/cpuinfo"
	// kvmGetAPIVersion is KVM_GET_API_VERSION, whose answer has been 12
	// since Linux 2.6.22 (Documentation/virt/kvm/api.rst, 4.1).
	kvmGetAPIVersion = 0xae00
	kvmAPIVersion    = 12
)

// ProbeKVM says why guests do not run on KVM here, nil if they do.
//
// A /dev/kvm that opens and answers is not enough: without the CPU's own
// virtualisation, behind which some hosts hide a software substitute, stock
// guests are emulated instruction by instruction or die. So the CPU must show
// vmx or svm as well.
func ProbeKVM() error { return probeKVM(cpuInfo, kvmDevice) }

func probeKVM(cpuInfo, device string) error {
	info, err := os.ReadFile(cpuInfo)
	if err != nil {
		return fmt.Errorf("cannot tell what the CPU can: %w", err)
	}
	if !showsVirtualisation(info) {
		return errors.New("the CPU shows neither vmx nor svm, so guests would not run on it, whatever " + device + " says")
	}
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", device, err)
	}
	defer func() { _ = unix.Close(fd) }()
	version, err := unix.IoctlRetInt(fd, kvmGetAPIVersion)
	if err != nil {
		return fmt.Errorf("%s: KVM_GET_API_VERSION: %w", device, err)
	}
	if version != kvmAPIVersion {
		return fmt.Errorf("%s has API version %d, not %d", device, version, kvmAPIVersion)
	}
	return nil
}

// showsVirtualisation looks at the flags of the first CPU in /proc/cpuinfo.
func showsVirtualisation(info []byte) bool {
	lines := bufio.NewScanner(bytes.NewReader(info))
	for lines.Scan() {
		name, flags, ok := strings.Cut(lines.Text(), ":")
		if !ok || strings.TrimSpace(name) != "flags" {
			continue
		}
		for flag := range strings.FieldsSeq(flags) {
			if flag == "vmx" || flag == "svm" {
				return true
			}
		}
		return false
	}
	return false
}
