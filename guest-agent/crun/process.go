package crun

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/guest-agent/container"
	"github.com/cardplane/cardplane/guest-agent/reap"
)

// process implements container.Process.
type process struct{ *reap.Child }

var _ container.Process = process{}

// OpenRoot implements container.Process.
func (p process) OpenRoot() (*os.File, error) { return p.open("root", unix.O_PATH|unix.O_DIRECTORY) }

// OpenMounts implements container.Process.
func (p process) OpenMounts() (namespace, list *os.File, err error) {
	if namespace, err = p.open("ns/mnt", os.O_RDONLY); err != nil {
		return nil, nil, err
	}
	if list, err = p.open("mountinfo", os.O_RDONLY); err != nil {
		return nil, nil, errors.Join(err, namespace.Close())
	}
	return namespace, list, nil
}

// open opens what procfs has of the process. A process that has ended meanwhile
// may have left its id to another one.
func (p process) open(name string, flags int) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join("/proc", strconv.Itoa(p.Pid()), name), flags, 0)
	if err != nil {
		return nil, fmt.Errorf("%s of a process: %w", name, err)
	}
	select {
	case <-p.Done():
		_ = f.Close()
		return nil, fmt.Errorf("%s of process %d: %w", name, p.Pid(), os.ErrProcessDone)
	default:
		return f, nil
	}
}

// Exit implements container.Process.
func (p process) Exit() container.Exit {
	s := p.Status()
	return container.Exit{Code: s.Code, Signal: s.Signal, At: s.At}
}
