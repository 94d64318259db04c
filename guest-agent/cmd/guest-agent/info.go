package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/guest-agent/boot"
	"github.com/cardplane/cardplane/openapi/guestapi"
	"github.com/cardplane/cardplane/openapi/version"
)

// machine implements server.Machine.
type machine struct{ main *Main }

// PowerOff implements server.Machine. Only the first request counts.
func (m machine) PowerOff(grace time.Duration) {
	select {
	case m.main.powerOff <- grace:
	default:
	}
}

// Renew implements server.Machine.
func (machine) Renew(entropy []byte, now time.Time) error { return boot.Renew(entropy, now) }

// identity returns what this machine is, which stays the same while it runs.
// The kernel makes up its boot id when it is first read: that must not be
// before a snapshot is taken that several machines are restored from.
func (m *Main) identity() guestapi.Machine {
	m.identify.Do(func() {
		bootID, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
		var name unix.Utsname
		if err := errors.Join(err, unix.Uname(&name)); err != nil {
			m.log.WithError(err).Error("cannot tell what machine this is")
		}
		m.machine = guestapi.Machine{
			AgentVersion:  version.Release,
			KernelRelease: unix.ByteSliceToString(name.Release[:]),
			BootId:        strings.TrimSpace(string(bootID)),
		}
	})
	return m.machine
}

// Info implements server.Machine.
func (m machine) Info() (guestapi.Info, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return guestapi.Info{}, fmt.Errorf("uptime: %w", err)
	}
	info := guestapi.Info{Machine: m.main.identity(), UptimeSeconds: time.Duration(now.Nano()).Seconds()}
	for _, t := range m.main.timings {
		info.BootSteps = append(info.BootSteps, guestapi.BootStep{Name: t.Name, Milliseconds: float64(t.Took) / float64(time.Millisecond)})
	}
	return info, nil
}

// Memory implements server.Machine.
func (machine) Memory() (guestapi.Memory, error) {
	all, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return guestapi.Memory{}, err
	}
	self, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return guestapi.Memory{}, err
	}
	return guestapi.Memory{
		TotalBytes:         kilobytes(all, "MemTotal:"),
		AvailableBytes:     kilobytes(all, "MemAvailable:"),
		AgentResidentBytes: kilobytes(self, "VmRSS:"),
	}, nil
}

// kilobytes returns the value of a line "key: n kB", in bytes, or 0 if there
// is none.
func kilobytes(text []byte, key string) int64 {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || fields[0] != key {
			continue
		}
		n, err := strconv.ParseInt(fields[1], 10, 53)
		if err != nil {
			return 0
		}
		return n << 10
	}
	return 0
}
