package computehost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/cardplane/cardplane/vmm/chqemu/qmp"
	"github.com/cardplane/cardplane/vmm/vhostvsock"
)

// Host is a compute host that was booted. Its methods may be called
// concurrently.
type Host struct {
	Client

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
	shutdownTimeout = 3 * time.Minute
)

// Endpoint is the address of the vmmd that the host starts by itself, for the
// card's --link.
func (h *Host) Endpoint() string { return h.EndpointOf(linkPort) }

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

// Run is [Client.Run], which also says so if the host has died.
func (h *Host) Run(ctx context.Context, script string, stdin io.Reader, output io.Writer) (int, error) {
	status, err := h.Client.Run(ctx, script, stdin, output)
	if err != nil {
		err = errors.Join(err, h.Err())
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
	return errors.Join(append(errs, h.serveErr, os.RemoveAll(h.Dir))...)
}
