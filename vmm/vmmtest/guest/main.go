//go:build linux

// Command guest is PID 1 of the conformance suite's guests: it loads whatever
// modules the initramfs holds, says on the console that it is ready, and obeys
// one-line commands on vsock port 1024. Each connection carries one command
// and gets one line back.
//
//	ping             pong
//	cpus             the number of CPUs, all of them brought online
//	memory           MemTotal in bytes, all memory brought online
//	disks            the serial numbers of the disks, sorted
//	size SERIAL      the length of a disk in bytes
//	write SERIAL X   ok, and the word X is the beginning of the disk
//	read SERIAL      the word at the beginning of the disk
//	nets             the number of network interfaces besides lo
//	macs             their addresses, sorted
//	up MAC           ok, and the interface is up, which makes it send something
//	remember X       ok, and the word X is kept in memory
//	recall           the word
//	echo             ok, and then every byte comes back until the other side ends
//	poweroff         ok, and the guest powers off
//	reboot           ok, and the guest reboots
//	panic            ok, and the kernel panics and does what panic= says
//	halt             ok, and the kernel panics and stays so
//	driver NAME      yes if the kernel has this virtio driver
//	button           yes if the guest powers off when its power button is pressed
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
	"strings"
	"sync/atomic"

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
	words := strings.Fields(line)
	if len(words) == 0 {
		return
	}
	switch command := words[0]; command {
	case "echo":
		fmt.Fprintln(conn, "ok")
		_, _ = io.Copy(conn, r)
	case "poweroff", "reboot", "panic", "halt":
		fmt.Fprintln(conn, "ok")
		// The other side ends the connection once it has the answer.
		_, _ = io.Copy(io.Discard, r)
		end(command)
	default:
		fmt.Fprintln(conn, answer(command, append(words[1:], "", "")))
	}
}

// answer runs a command that is done when it is answered. args holds at least
// two words.
func answer(command string, args []string) string {
	switch command {
	case "ping":
		return "pong"
	case "cpus":
		return fmt.Sprint(onlineCPUs())
	case "memory":
		return fmt.Sprint(onlineMemory())
	case "disks":
		return strings.Join(serials(), " ")
	case "size":
		return withDisk(args[0], diskSize)
	case "read":
		return withDisk(args[0], readWord)
	case "write":
		return withDisk(args[0], func(name string) (string, error) { return "ok", writeWord(name, args[1]) })
	case "nets":
		return fmt.Sprint(len(addresses()))
	case "macs":
		return strings.Join(addresses(), " ")
	case "up":
		return result("ok", up(args[0]))
	case "remember":
		memory.Store(&args[0])
		return "ok"
	case "recall":
		return *memory.Load()
	case "button":
		return haveButton()
	case "driver":
		return yesNo(exists("/sys/bus/virtio/drivers/" + args[0]))
	}
	return fmt.Sprintf("unknown command %q", command)
}

// memory is the word of the command remember.
var memory atomic.Pointer[string]

func init() { memory.Store(new(string)) }

// result is the answer of a command that may fail.
func result(answer string, err error) string {
	if err != nil {
		return "failed: " + err.Error()
	}
	return answer
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func end(command string) {
	switch command {
	case "poweroff":
		_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	case "reboot":
		_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	case "halt":
		_ = os.WriteFile("/proc/sys/kernel/panic", []byte("0"), 0)
		os.Exit(1) // the kernel panics when PID 1 ends
	case "panic":
		os.Exit(1)
	}
}

// buttons are the input devices; the power button is the only one of a guest.
func buttons() []string {
	found, _ := filepath.Glob("/dev/input/event*")
	return found
}

func haveButton() string { return yesNo(len(buttons()) > 0) }

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
