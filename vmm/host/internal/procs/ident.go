// Package procs names, finds, watches and kills processes that may not be
// children of this one.
//
// A process is named by its pid and its start time, because a pid alone is
// given to another process in time. Everything that acts on a process does so
// through a pidfd that was checked against that name after it was opened.
package procs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// ErrGone says that a process has ended: it does not exist, is a zombie, or
// its pid belongs to another process by now.
var ErrGone = errors.New("process is gone")

// Ident names a process for as long as the host is up.
type Ident struct {
	// PID is the process id in this pid namespace.
	PID int `json:"pid"`
	// Start is when it was started, in clock ticks since boot: field 22 of
	// /proc/<pid>/stat (proc_pid_stat(5)).
	Start uint64 `json:"start"`
}

// Of returns the name of the process that has pid now. The error is ErrGone
// when none has.
func Of(pid int) (Ident, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Ident{}, fmt.Errorf("pid %d: %w", pid, ErrGone)
	}
	state, start, err := parseStat(data)
	if err != nil {
		return Ident{}, fmt.Errorf("pid %d: %w", pid, err)
	}
	if state == 'Z' || state == 'X' {
		return Ident{}, fmt.Errorf("pid %d is a zombie: %w", pid, ErrGone)
	}
	return Ident{PID: pid, Start: start}, nil
}

// parseStat returns the state and start time of a /proc/<pid>/stat line. The
// command name may hold blanks and parentheses, so fields are counted from
// the last closing one.
func parseStat(data []byte) (state byte, start uint64, err error) {
	const stateField, startField = 3, 22
	end := bytes.LastIndexByte(data, ')')
	if end < 0 {
		return 0, 0, fmt.Errorf("stat line without a command name: %.80q", data)
	}
	fields := bytes.Fields(data[end+1:])
	if len(fields) <= startField-stateField {
		return 0, 0, fmt.Errorf("stat line with %d fields after the name: %.80q", len(fields), data)
	}
	start, err = strconv.ParseUint(string(fields[startField-stateField]), 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("stat line: start time: %w", err)
	}
	return fields[0][0], start, nil
}
