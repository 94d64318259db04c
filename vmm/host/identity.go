package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/vmm/host/internal/durable"
)

// lockPatience is how long a lock may be held by a process that an earlier
// vmmd was spawning when it died. Between fork and exec it shares that
// vmmd's descriptors, so the lock also says that no such process is left.
const (
	lockPatience = 500 * time.Millisecond
	lockRetry    = 10 * time.Millisecond
)

// lockDir takes the run directory for this process, for as long as the file
// is open.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock run directory: %w", err)
	}
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(lockRetry) {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(deadline) {
			break
		}
	}
	_ = f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, apierr.New(apierr.FailedPrecondition, "run_dir_locked",
			"another vmmd serves run directory %s; stop it, or give this one another --run-dir", dir)
	}
	return nil, fmt.Errorf("lock run directory %s: %w", dir, err)
}

func readBootID() (string, error) {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read boot id: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// hostFile is the data directory's host.json.
type hostFile struct {
	ID uuid.UUID `json:"id"`
}

// readHostID returns the host's id from path, made and written at first use.
func readHostID(path string) (uuid.UUID, error) {
	var h hostFile
	err := durable.ReadJSON(path, &h)
	if errors.Is(err, fs.ErrNotExist) {
		h.ID = uuid.New()
		err = durable.WriteJSON(path, h)
	}
	if err != nil {
		return uuid.Nil, fmt.Errorf("host id: %w", err)
	}
	return h.ID, nil
}
