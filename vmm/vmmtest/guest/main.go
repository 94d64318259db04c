//go:build linux

// Command guest is PID 1 of the conformance suite's guests: it loads whatever
// modules the initramfs holds, says on the console that it is ready, and obeys
// one-line commands on vsock port 1024. Each connection carries one command
// and gets one line back.
//
//	ping      pong
//	disks     the serial numbers of the disks, sorted
//	nets      the number of network interfaces besides lo
//	echo      ok, and then every byte comes back until the other side ends
//	poweroff  ok, and the guest powers off
//	reboot    ok, and the guest reboots
//	panic     ok, and the kernel panics
//	button    yes if the guest powers off when its power button is pressed
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/mdlayher/vsock"
	"golang.org/x/sys/unix"
)

// port is what the suite dials.
const port = 1024

func main() {
	fmt.Printf("VMMTEST-GUEST-FAILED %v\n", run())
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

// run returns only when it fails.
func run() error {
	for _, m := range [][2]string{{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}} {
		if err := os.MkdirAll(m[1], 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m[0], m[1], m[0], 0, ""); err != nil && err != unix.EBUSY {
			return fmt.Errorf("mount %s: %w", m[1], err)
		}
	}
	loadModules()
	for _, path := range buttons() {
		go watchButton(path)
	}
	l, err := vsock.ListenContextID(unix.VMADDR_CID_ANY, port, nil)
	if err != nil {
		return err
	}
	fmt.Println("VMMTEST-GUEST-READY")
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go serve(conn)
	}
}

// loadModules loads every module again and again until none is left that
// loads, which spares it the order.
func loadModules() {
	var left []string
	_ = filepath.WalkDir("/", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (path == "/proc" || path == "/sys" || path == "/dev") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".ko") {
			left = append(left, path)
		}
		return nil
	})
	for before := len(left) + 1; len(left) < before; {
		before = len(left)
		left = tryModules(left)
	}
	for _, path := range left {
		fmt.Printf("VMMTEST-GUEST module %s does not load\n", path)
	}
}

func tryModules(paths []string) (left []string) {
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err == nil {
			err = unix.InitModule(content, "")
		}
		if err != nil && err != unix.EEXIST {
			left = append(left, path)
		}
	}
	return left
}

func serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	if err != nil {
		return
	}
	switch command := strings.TrimSpace(line); command {
	case "ping":
		fmt.Fprintln(conn, "pong")
	case "disks":
		fmt.Fprintln(conn, strings.Join(serials(), " "))
	case "nets":
		found, _ := filepath.Glob("/sys/class/net/*")
		fmt.Fprintln(conn, len(found)-1)
	case "echo":
		fmt.Fprintln(conn, "ok")
		_, _ = io.Copy(conn, r)
	case "button":
		fmt.Fprintln(conn, haveButton())
	case "poweroff", "reboot", "panic":
		fmt.Fprintln(conn, "ok")
		// The other side ends the connection once it has the answer.
		_, _ = io.Copy(io.Discard, r)
		end(command)
	default:
		fmt.Fprintf(conn, "unknown command %q\n", command)
	}
}

func end(command string) {
	switch command {
	case "poweroff":
		_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	case "reboot":
		_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	case "panic":
		os.Exit(1) // the kernel panics when PID 1 ends
	}
}

// buttons are the input devices; the power button is the only one of a guest.
func buttons() []string {
	found, _ := filepath.Glob("/dev/input/event*")
	return found
}

func haveButton() string {
	if len(buttons()) > 0 {
		return "yes"
	}
	return "no"
}

// watchButton powers the guest off when the button at path is pressed. An
// event is a struct input_event of 24 bytes, of which type (EV_KEY), code
// (KEY_POWER) and value (pressed) come last (linux/input.h).
func watchButton(path string) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	pressed := []byte{1, 0, 116, 0, 1, 0, 0, 0}
	event := make([]byte, 24)
	for {
		if _, err := io.ReadFull(f, event); err != nil {
			return
		}
		if bytes.Equal(event[16:], pressed) {
			end("poweroff")
		}
	}
}

func serials() []string {
	var out []string
	found, _ := filepath.Glob("/sys/block/vd*/serial")
	for _, path := range found {
		text, _ := os.ReadFile(path)
		out = append(out, string(text))
	}
	sort.Strings(out)
	return out
}
