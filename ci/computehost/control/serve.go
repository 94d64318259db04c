package control

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"syscall"
	"time"
)

// Serve runs commands for every connection of l until that fails.
func Serve(l net.Listener, shell string) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		if full, ok := conn.(Conn); ok {
			go serve(full, shell)
		} else {
			_ = conn.Close()
		}
	}
}

// serve runs one command. A caller that cannot be told of a failure is gone.
func serve(conn Conn, shell string) {
	defer func() { _ = conn.Close() }()
	n, err := readNumber(conn)
	if err != nil || n > maxScript {
		return
	}
	script := make([]byte, n)
	if _, err := io.ReadFull(conn, script); err != nil {
		return
	}
	status, err := command(conn, shell, string(script))
	if err != nil {
		_ = writeChunk(conn, fmt.Appendf(nil, "%v\n", err))
	}
	_, _ = conn.Write(binary.BigEndian.AppendUint32(make([]byte, 4), uint32(status)))
	_ = conn.CloseWrite()
}

// notRun is the shell's status of a command that cannot be executed.
const notRun = 126

func command(conn Conn, shell, script string) (status int, err error) {
	cmd := exec.Command(shell, "-c", script)
	cmd.Stdout = chunks{conn}
	cmd.Stderr = cmd.Stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second // a child that it left behind may hold the output
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return notRun, err
	}
	if err := cmd.Start(); err != nil {
		return notRun, err
	}
	go func() {
		// A reset is the caller's death; the end of its input is not.
		if _, err := io.Copy(stdin, conn); err != nil && !errors.Is(err, syscall.EPIPE) {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
		_ = stdin.Close()
	}()
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return notRun, err
	}
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() {
		return 128 + int(ws.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}

// chunks writes each piece of output as a chunk.
type chunks struct{ w io.Writer }

// Write implements io.Writer.
func (c chunks) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), maxChunk)
		if err := writeChunk(c.w, rest[:n]); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(p), nil
}
