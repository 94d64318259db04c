package crun

import (
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

// OpenRoot implements container.Process. A process that has ended while its
// directory was opened may have left its id to another one.
func (p process) OpenRoot() (*os.File, error) {
	root, err := os.OpenFile(filepath.Join("/proc", strconv.Itoa(p.Pid()), "root"), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, fmt.Errorf("root directory: %w", err)
	}
	select {
	case <-p.Done():
		_ = root.Close()
		return nil, fmt.Errorf("root directory of process %d: %w", p.Pid(), os.ErrProcessDone)
	default:
		return root, nil
	}
}

// Exit implements container.Process.
func (p process) Exit() container.Exit {
	s := p.Status()
	return container.Exit{Code: s.Code, Signal: s.Signal, At: s.At}
}
