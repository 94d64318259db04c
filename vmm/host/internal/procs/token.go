package procs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Token is an entry "NAME=value" in the environment of a process and so, in
// the usual case, of all its descendants. It finds processes whose pid was
// never learnt, and the children that a dead process has left.
type Token string

// Find returns the processes that carry the token, this one excepted.
// Processes that end meanwhile and those whose environment may not be read
// are left out.
func (t Token) Find() ([]Ident, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	names, err := dir.Readdirnames(-1)
	_ = dir.Close()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var found []Ident
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == os.Getpid() {
			continue
		}
		id, err := Of(pid)
		if err == nil && t.carriedBy(pid) {
			found = append(found, id)
		}
	}
	return found, nil
}

func (t Token) carriedBy(pid int) bool {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return false
	}
	for entry := range bytes.SplitSeq(env, []byte{0}) {
		if string(entry) == string(t) {
			return true
		}
	}
	return false
}

// KillAll sends SIGKILL to every process that carries the token until none
// is left, and returns when all have ended or ctx is done.
func (t Token) KillAll(ctx context.Context) error {
	for {
		found, err := t.Find()
		if err != nil || len(found) == 0 {
			return err
		}
		for _, id := range found {
			if err := kill(ctx, id); err != nil {
				return fmt.Errorf("kill pid %d: %w", id.PID, err)
			}
		}
	}
}

func kill(ctx context.Context, id Ident) error {
	h, err := Open(id)
	if errors.Is(err, ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = h.Close() }()
	if err := h.Signal(unix.SIGKILL); err != nil && !errors.Is(err, ErrGone) {
		return err
	}
	return h.Wait(ctx)
}
