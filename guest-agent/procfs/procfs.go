// Package procfs reads what the kernel says of processes, each of which may
// end at any time.
package procfs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/guestapi"
)

const (
	// maxCommand is how much of a command line is read, in bytes.
	maxCommand = 256
	// tick is the unit of CPU times, which is the same on all of Linux.
	tick = time.Second / 100
)

// ErrEnded is the error for a process that is no more.
var ErrEnded = errors.New("the process has ended")

// Process returns what a process is doing. Its Pid is that of its own PID
// namespace; ParentPid is that of ours.
func Process(pid int) (guestapi.ProcessInfo, error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	status, err := read(filepath.Join(dir, "status"))
	if err != nil {
		return guestapi.ProcessInfo{}, err
	}
	stat, err := read(filepath.Join(dir, "stat"))
	if err != nil {
		return guestapi.ProcessInfo{}, err
	}
	out, err := parse(status, stat)
	if err != nil {
		return guestapi.ProcessInfo{}, fmt.Errorf("process %d: %w", pid, err)
	}
	line, err := read(filepath.Join(dir, "cmdline"))
	if err != nil {
		return guestapi.ProcessInfo{}, err
	}
	if text := bytes.TrimRight(line[:min(len(line), maxCommand)], "\x00"); len(text) > 0 {
		out.Command = strings.ToValidUTF8(strings.ReplaceAll(string(text), "\x00", " "), "?")
	}
	return out, nil
}

// read reads the beginning of a small file.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, ended(err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, 16<<10))
	return text, ended(err)
}

func ended(err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return ErrEnded
	}
	return err
}

// parse reads /proc/<pid>/status and stat.
func parse(status, stat []byte) (guestapi.ProcessInfo, error) {
	var out guestapi.ProcessInfo
	for line := range bytes.Lines(status) {
		key, value, _ := strings.Cut(string(line), ":")
		fields := strings.Fields(value)
		if len(fields) == 0 {
			continue
		}
		switch key {
		case "Name":
			out.Command = "[" + strings.ToValidUTF8(fields[0], "?") + "]"
		case "State":
			out.State = fields[0]
		case "PPid":
			out.ParentPid = int32(number(fields[0]))
		case "Uid":
			out.Uid = number(fields[1])
		case "NSpid":
			out.Pid = int32(number(fields[len(fields)-1]))
		case "Threads":
			out.Threads = int32(number(fields[0]))
		case "VmRSS":
			out.MemoryBytes = number(fields[0]) << 10
		}
	}
	// The name in stat is in parentheses and may hold anything.
	_, rest, ok := bytes.Cut(stat[max(0, bytes.LastIndexByte(stat, ')')):], []byte(") "))
	fields := strings.Fields(string(rest))
	if !ok || len(fields) < 13 {
		return out, fmt.Errorf("stat is %.100q", stat)
	}
	out.CpuMicroseconds = (number(fields[11]) + number(fields[12])) * tick.Microseconds()
	return out, nil
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Networks returns the interfaces that a process sees.
func Networks(pid int) ([]guestapi.NetworkStats, error) {
	text, err := read(filepath.Join("/proc", strconv.Itoa(pid), "net", "dev"))
	if err != nil {
		return nil, err
	}
	out := []guestapi.NetworkStats{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, counts, ok := strings.Cut(lines.Text(), ":")
		fields := strings.Fields(counts)
		if !ok || len(fields) < 16 {
			continue
		}
		out = append(out, guestapi.NetworkStats{
			Name: strings.TrimSpace(name), ReceivedBytes: number(fields[0]), ReceivedPackets: number(fields[1]),
			SentBytes: number(fields[8]), SentPackets: number(fields[9]),
		})
	}
	return out, nil
}
