package computehost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cardplane/cardplane/ci/computehost/control"
	"github.com/cardplane/cardplane/vmm/chqemu/qmp"
	"github.com/cardplane/cardplane/vmm/vhostvsock"
	"github.com/cardplane/cardplane/vmm/vsock"
)

// Host is a compute host that was booted. Its methods may be called
// concurrently.
type Host struct {
	dir     string
	console *console
	device  *vhostvsock.Device
	process *process
	qmp     *qmp.Conn

	served   sync.WaitGroup // the device's and the watcher's goroutines
	serveErr error          // of the device; read after served
	done     chan struct{}  // closed when QEMU has ended

	mu   sync.Mutex
	wish wish
	err  error // set before done is closed

	closing  sync.Once
	closeErr error
}

const (
	// evidenceLines is how much of the console an error carries.
	evidenceLines = 40
	// shutdownTimeout bounds an orderly end.
	shutdownTimeout = time.Minute
)

// Endpoint is the address of the host's vmmd, for the card's --link.
func (h *Host) Endpoint() string {
	return fmt.Sprintf("hybrid-vsock://%s?port=%d", h.socket(), linkPort)
}

func (h *Host) socket() string { return filepath.Join(h.dir, hybridName) }

// Dir is the host's directory on this machine. It goes with the host.
func (h *Host) Dir() string { return h.dir }

// Console returns the end of the host's console.
func (h *Host) Console() string { return h.console.String() }

// Done is closed when the host has ended, for whatever reason.
func (h *Host) Done() <-chan struct{} { return h.done }

// Err says, after Done, how the host ended: nil where that was asked for,
// and otherwise a [*CrashError].
func (h *Host) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// Run runs a shell script in the host, as root, and returns its exit status.
// stdin may be nil; output gets both of its output streams.
func (h *Host) Run(ctx context.Context, script string, stdin io.Reader, output io.Writer) (int, error) {
	status, err := Run(ctx, h.dir, script, stdin, output)
	if err != nil {
		err = errors.Join(err, h.Err())
	}
	return status, err
}

// Run is [Host.Run] for the host whose directory is dir, whoever booted it.
func Run(ctx context.Context, dir, script string, stdin io.Reader, output io.Writer) (int, error) {
	dial := func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, hybridName))
	}
	conn, err := vsock.Dial(ctx, dial, control.Port)
	if err != nil {
		return 0, fmt.Errorf("reach the compute host in %s: %w", dir, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	status, err := control.Run(conn.(control.Conn), script, stdin, output)
	if err != nil {
		err = errors.Join(context.Cause(ctx), fmt.Errorf("command in the compute host: %w", err))
	}
	return status, err
}

// Kill ends the host as a power cut does.
func (h *Host) Kill() {
	h.want(toBeKilled)
	h.kill()
}

func (h *Host) kill() {
	if h.process != nil {
		h.process.kill()
	}
}

// Shutdown presses the power button and waits for the host's end, which ends
// its virtual machines first.
func (h *Host) Shutdown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, shutdownTimeout)
	defer cancel()
	h.want(toPowerOff)
	if err := h.qmp.Execute(ctx, "system_powerdown", nil, nil); err != nil && !errors.Is(err, qmp.ErrClosed) {
		return fmt.Errorf("power button: %w", err)
	}
	select {
	case <-h.done:
		return h.Err()
	case <-ctx.Done():
		return fmt.Errorf("the compute host does not power off: %w\n%s", ctx.Err(), h.console.tail(evidenceLines))
	}
}

// Close shuts the host down, kills it if that fails, and removes all that
// there is of it. It returns why the host did not end well, if so.
func (h *Host) Close(ctx context.Context) error {
	h.closing.Do(func() {
		select {
		case <-h.done:
			h.closeErr = h.Err()
		default:
			h.closeErr = h.Shutdown(ctx)
		}
		h.kill()
		h.closeErr = errors.Join(h.closeErr, h.release())
	})
	return h.closeErr
}

// release frees what is left once QEMU has ended.
func (h *Host) release() error {
	var errs []error
	if h.qmp != nil {
		_ = h.qmp.Close() // QEMU is gone; the connection's failure says no more
	}
	if h.device != nil {
		errs = append(errs, h.device.Close())
	}
	h.served.Wait()
	return errors.Join(append(errs, h.serveErr, os.RemoveAll(h.dir))...)
}
