// Command benchinit is the PID 1 of one benchmark: it runs one container with
// crun alone, without the guest agent, times `crun exec` of a program that
// does nothing, prints the median on the console and powers the machine off.
// The time that Cardplane's exec takes is compared with it, so the container is
// what Cardplane would make: the same user, capabilities, mounts and filter of
// system calls.
//
// It is built into a guest root of its own, in the guest agent's place.
package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// rounds is how many execs are timed, after one that is not.
const rounds = 20

const (
	self   = "/sbin/guest-agent" // where this program is in its root
	bundle = "/run/bundle"
	root   = "/run/root"
	// process is what crun is to execute.
	process = "/run/process.json"
)

// spec is the container's specification as the card makes it, in JSON and
// base64. The linker sets it.
var spec string

func main() {
	switch {
	case len(os.Args) > 1 && os.Args[1] == "sleep":
		time.Sleep(time.Hour) // longer than the machine lives
		return
	case len(os.Args) > 1 && os.Args[1] == "true":
		return
	}
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "benchinit: %v\n", err)
	}
	unix.Sync()
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		os.Exit(1)
	}
}

func run() error {
	if err := mountAll(); err != nil {
		return err
	}
	if err := writeBundle(); err != nil {
		return err
	}
	if err := crun("run", "--detach", "--bundle", bundle, "c"); err != nil {
		return err
	}
	var times []time.Duration
	for range rounds + 1 {
		start := time.Now()
		if err := crun("exec", "--process", process, "c"); err != nil {
			return err
		}
		times = append(times, time.Since(start))
	}
	times = times[1:]
	slices.Sort(times)
	console, err := os.OpenFile("/dev/console", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = console.Close() }()
	_, err = fmt.Fprintf(console, "CRUN-EXEC-MICROSECONDS %d\n", times[rounds/2].Microseconds())
	return err
}

func mountAll() error {
	for _, m := range []struct{ source, target, fstype string }{
		{"dev", "/dev", "devtmpfs"},
		{"proc", "/proc", "proc"},
		{"sys", "/sys", "sysfs"},
		{"cgroup", "/sys/fs/cgroup", "cgroup2"},
		{"run", "/run", "tmpfs"},
	} {
		if err := unix.Mount(m.source, m.target, m.fstype, 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	for _, dir := range []string{bundle, root} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	return unix.Mount("/", root, "", unix.MS_BIND, "")
}

// writeBundle writes the bundle and the process of an exec as the card would,
// but for where the root and the programs are.
func writeBundle() error {
	text, err := base64.StdEncoding.DecodeString(spec)
	if err != nil {
		return err
	}
	var container specs.Spec
	if err := json.Unmarshal(text, &container); err != nil {
		return err
	}
	container.Root = &specs.Root{Path: root, Readonly: true}
	container.Process.Args = []string{self, "sleep"}
	further := *container.Process
	further.Args = []string{self, "true"}
	return errors.Join(writeJSON(bundle+"/config.json", container), writeJSON(process, further))
}

func writeJSON(name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o600)
}

func crun(args ...string) error {
	cmd := exec.Command("/usr/bin/crun", append([]string{"--cgroup-manager=cgroupfs"}, args...)...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("crun %s: %w", args[0], err)
	}
	return nil
}
