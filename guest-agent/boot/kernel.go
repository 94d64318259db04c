package boot

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// Kernel is the System of the running kernel.
type Kernel struct{}

var _ System = Kernel{}

// Mount implements System.
func (Kernel) Mount(source, target, fstype string, flags uintptr, data string) error {
	return unix.Mount(source, target, fstype, flags, data)
}

// InterfaceUp implements System.
func (Kernel) InterfaceUp(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	ifreq, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, ifreq); err != nil {
		return fmt.Errorf("flags of %s: %w", name, err)
	}
	ifreq.SetUint16(ifreq.Uint16() | unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifreq); err != nil {
		return fmt.Errorf("bring %s up: %w", name, err)
	}
	return nil
}

// SetHostname implements System.
func (Kernel) SetHostname(name string) error { return unix.Sethostname([]byte(name)) }

// SetFileLimit implements System.
func (Kernel) SetFileLimit(n uint64) error {
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: n})
}

// Random implements System.
func (Kernel) Random() error {
	_, err := unix.Getrandom(make([]byte, 1), 0)
	return err
}

// CatchCtrlAltDel implements System.
func (Kernel) CatchCtrlAltDel() error { return unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF) }

// Halt reports why, if there is a reason, writes all file systems back and
// powers the machine off. It returns only if that fails.
func Halt(console io.Writer, reason error) error {
	if reason != nil {
		// The console is all there is: a failure to print is lost.
		_, _ = fmt.Fprintf(console, "guest-agent: %v; powering off\n", reason)
	}
	unix.Sync()
	err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	return errors.Join(errors.New("power off failed"), err)
}
