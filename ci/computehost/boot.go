package computehost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cardplane/cardplane/rootfs/manifest"
	"github.com/cardplane/cardplane/vmm/chqemu/qmp"
	"github.com/cardplane/cardplane/vmm/link"
	"github.com/cardplane/cardplane/vmm/vhostvsock"
)

// Config says what to boot.
type Config struct {
	// Image is the directory that package hostimage makes.
	Image string
	// CPUs and MemoryMiB size the host. When zero they are 4096 MiB, and 2 CPUs,
	// or 1 where it is emulated.
	CPUs, MemoryMiB int
	// Accel is what runs its processors; see [ChooseAccel].
	Accel Accel
	// QEMU is the program; see [Accel.QEMU].
	QEMU string
	// Console gets the host's console as it is written; nil keeps it for
	// failures.
	Console io.Writer
}

// Files of a host's directory.
const (
	dataName   = "data.img"
	vhostName  = "vhost"
	hybridName = "vsock"
)

const (
	linkPort = 1024 // of vmmd; see hostimage/files/vmmd
	hostCID  = 3

	// dataBytes is the length of the data disk, which is sparse.
	dataBytes = 16 << 30
	// bootTimeout bounds the time until vmmd answers. An emulated host takes
	// 5 s, and longer beside other work.
	bootTimeout = 3 * time.Minute
	// bootPoll spaces the attempts to reach vmmd.
	bootPoll = 20 * time.Millisecond
)

// Boot boots a host and returns once its vmmd answers. The caller closes it.
// ctx bounds the boot only.
func Boot(ctx context.Context, cfg Config) (h *Host, err error) {
	cfg.CPUs, cfg.MemoryMiB = orDefault(cfg.CPUs, cfg.Accel.cpus()), orDefault(cfg.MemoryMiB, 4096)
	m, err := manifest.Read(cfg.Image)
	if err != nil {
		return nil, fmt.Errorf("compute host's image: %w (run: make host-image)", err)
	}
	// Socket paths are bounded at 108 bytes, so the directory's is short.
	dir, err := os.MkdirTemp("", "cphost-")
	if err != nil {
		return nil, err
	}
	h = &Host{Client: Client{Dir: dir}, console: &console{to: cfg.Console}, done: make(chan struct{})}
	defer func() {
		if err != nil {
			h.kill()
			err = errors.Join(err, h.release())
		}
	}()
	if err := makeDataDisk(ctx, filepath.Join(dir, dataName)); err != nil {
		return nil, err
	}
	if err := h.start(ctx, cfg.QEMU, arguments(cfg, m, dir)); err != nil {
		return nil, err
	}
	return h, h.await(ctx)
}

func orDefault(n, fallback int) int {
	if n == 0 {
		return fallback
	}
	return n
}

// makeDataDisk formats a sparse file for what vmmd keeps.
func makeDataDisk(ctx context.Context, path string) error {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(path, dataBytes); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", path)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("format data disk: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// start starts the vsock device and QEMU, which is program, and watches over
// both.
func (h *Host) start(ctx context.Context, program string, args []string) (err error) {
	h.device, err = vhostvsock.Listen(vhostvsock.Config{
		VhostSocket: filepath.Join(h.Dir, vhostName), HybridSocket: h.socket(), GuestCID: hostCID,
	})
	if err != nil {
		return err
	}
	h.served.Go(func() { h.serveErr = h.device.Serve(context.Background()) })
	process, monitor, err := startQEMU(program, args, h.console)
	if err != nil {
		return err
	}
	h.process = process
	if h.qmp, err = qmp.Open(ctx, monitor); err != nil {
		return fmt.Errorf("%w\n%s", err, h.console.tail(evidenceLines))
	}
	h.served.Go(h.watch)
	return nil
}

// await returns once vmmd answers.
func (h *Host) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bootTimeout)
	defer cancel()
	l, err := link.Open(h.Endpoint())
	if err != nil {
		return err
	}
	defer l.Close()
	for {
		_, err := l.Host(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-h.done:
			return h.Err()
		case <-ctx.Done():
			return fmt.Errorf("vmmd does not answer from the compute host: %w\n%s", err, h.console.tail(evidenceLines))
		case <-time.After(bootPoll):
		}
	}
}
