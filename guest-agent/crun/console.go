package crun

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// console receives a terminal's master side from crun, as every OCI runtime
// sends it: one descriptor in a SCM_RIGHTS message on a unix socket.
type console struct{ listener *net.UnixListener }

func listenConsole(path string) (*console, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("console socket: %w", err)
	}
	return &console{listener: l}, nil
}

// receive returns the master side, non-blocking.
func (c *console) receive(timeout time.Duration) (*os.File, error) {
	deadline := time.Now().Add(timeout)
	if err := c.listener.SetDeadline(deadline); err != nil {
		return nil, fmt.Errorf("console socket: %w", err)
	}
	conn, err := c.listener.AcceptUnix()
	if err != nil {
		return nil, fmt.Errorf("console socket: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, fmt.Errorf("console socket: %w", err)
	}
	// The data is the terminal's name, of no interest.
	data, control := make([]byte, 256), make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := conn.ReadMsgUnix(data, control)
	if err != nil {
		return nil, fmt.Errorf("console socket: %w", err)
	}
	return parseRights(control[:n])
}

// parseRights returns the one descriptor of a control message.
func parseRights(control []byte) (*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil || len(messages) != 1 {
		return nil, errors.Join(errors.New("console socket: not one control message"), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, errors.Join(errors.New("console socket: not one descriptor"), err)
	}
	unix.CloseOnExec(fds[0])
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, errors.Join(fmt.Errorf("console socket: %w", err), unix.Close(fds[0]))
	}
	return os.NewFile(uintptr(fds[0]), "terminal"), nil
}

func (c *console) close() { _ = c.listener.Close() }
