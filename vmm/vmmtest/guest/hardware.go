//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// onlineCPUs brings every CPU online, because the kernel leaves a plugged one
// to user space, and counts them.
func onlineCPUs() int {
	files, _ := filepath.Glob("/sys/devices/system/cpu/cpu[0-9]*/online")
	for _, file := range files {
		_ = os.WriteFile(file, []byte("1"), 0) // one that is just leaving refuses
	}
	all, _ := filepath.Glob("/sys/devices/system/cpu/cpu[0-9]*")
	n := 0
	for _, dir := range all {
		// The first CPU may have no such file, because it cannot be offline.
		state, err := os.ReadFile(dir + "/online")
		if err != nil || strings.TrimSpace(string(state)) == "1" {
			n++
		}
	}
	return n
}

// onlineMemory brings all memory online, for what can be moved elsewhere when
// it is taken away again, and returns MemTotal in bytes.
func onlineMemory() int64 {
	blocks, _ := filepath.Glob("/sys/devices/system/memory/memory[0-9]*/state")
	for _, file := range blocks {
		if state, _ := os.ReadFile(file); strings.TrimSpace(string(state)) == "offline" {
			_ = os.WriteFile(file, []byte("online_movable"), 0)
		}
	}
	text, _ := os.ReadFile("/proc/meminfo")
	var kib int64
	_, _ = fmt.Sscanf(string(text), "MemTotal: %d kB", &kib)
	return kib << 10
}

// blockDisks are the names of the disks by serial number.
func blockDisks() map[string]string {
	out := map[string]string{}
	found, _ := filepath.Glob("/sys/block/vd*/serial")
	for _, path := range found {
		text, _ := os.ReadFile(path)
		out[string(text)] = filepath.Base(filepath.Dir(path))
	}
	return out
}

func serials() []string {
	var out []string
	for serial := range blockDisks() {
		out = append(out, serial)
	}
	slices.Sort(out)
	return out
}

func withDisk(serial string, do func(name string) (string, error)) string {
	name := blockDisks()[serial]
	if name == "" {
		return fmt.Sprintf("failed: no disk has the serial number %q", serial)
	}
	return result(do(name))
}

// diskSize reads a length that the kernel counts in sectors of 512 bytes.
func diskSize(name string) (string, error) {
	text, err := os.ReadFile("/sys/block/" + name + "/size")
	if err != nil {
		return "", err
	}
	sectors, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return fmt.Sprint(sectors * 512), err
}

// wordLength is how much of a disk is read and written: one block.
const wordLength = 4096

// readWord reads past the cache, since the disk may have changed below it.
func readWord(name string) (string, error) {
	f, err := os.Open("/dev/" + name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	if err := unix.IoctlSetInt(int(f.Fd()), unix.BLKFLSBUF, 0); err != nil {
		return "", err
	}
	block := make([]byte, wordLength)
	if _, err := f.ReadAt(block, 0); err != nil {
		return "", err
	}
	word, _, _ := strings.Cut(string(block), "\x00")
	return word, nil
}

func writeWord(name, word string) error {
	f, err := os.OpenFile("/dev/"+name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	block := make([]byte, wordLength)
	copy(block, word)
	_, err = f.WriteAt(block, 0)
	return errors.Join(err, f.Sync(), f.Close())
}

// interfaces are the network interfaces besides lo.
func interfaces() []net.Interface {
	all, _ := net.Interfaces()
	return slices.DeleteFunc(all, func(i net.Interface) bool { return i.Flags&net.FlagLoopback != 0 || len(i.HardwareAddr) == 0 })
}

func addresses() []string {
	var out []string
	for _, i := range interfaces() {
		out = append(out, i.HardwareAddr.String())
	}
	slices.Sort(out)
	return out
}

// up sets IFF_UP; the kernel then sends multicast reports by itself.
func up(mac string) error {
	for _, i := range interfaces() {
		if i.HardwareAddr.String() == mac {
			return setUp(i.Name)
		}
	}
	return fmt.Errorf("no interface has the address %q", mac)
}

func setUp(name string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	request, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}
