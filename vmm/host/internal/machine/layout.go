package machine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/durable"
	"github.com/cardplane/cardplane/vmm/host/internal/procs"
)

// layout is one VM's run directory. Its name is short and of fixed length,
// because the path of a unix socket has at most 107 bytes (unix(7)) and the
// VMM appends "_<port>" to its vsock socket's.
//
// The directory is this process's own, so that a VMM can neither forge its
// record nor put anything in the place of a file that is read here. The VMM
// owns its console's file and the directory of the sockets that it makes.
type layout string

const (
	keyLength  = 12
	maxSunPath = 107
	// longestSuffix is the longest thing beneath a VM's directory that is
	// bound as a socket.
	longestSuffix = len("/s/vsock_4294967295")
)

// keyOf returns the name of a VM's run directory in dir and of its cgroup,
// which it has for itself even among several daemons.
func keyOf(dir, id string) string {
	sum := sha256.Sum256([]byte(dir + "\x00" + id))
	return hex.EncodeToString(sum[:])[:keyLength]
}

// checkRunDir refuses a run directory whose sockets would have too long paths,
// or whose path a VMM would misread.
func checkRunDir(dir string) error {
	if longest := len(dir) + 1 + keyLength + longestSuffix; longest > maxSunPath {
		return apierr.New(apierr.InvalidArgument, "run_dir_too_long",
			"run directory %s is %d bytes too long for the unix sockets in it; choose a shorter one", dir, longest-maxSunPath)
	}
	if strings.ContainsAny(dir, ",=") {
		return apierr.New(apierr.InvalidArgument, "run_dir_invalid",
			"run directory %s holds ',' or '=', which a VMM's command line cannot; choose another", dir)
	}
	return nil
}

func (l layout) key() string           { return filepath.Base(string(l)) }
func (l layout) record() string        { return filepath.Join(string(l), "record.json") }
func (l layout) api() string           { return filepath.Join(string(l), "api") }
func (l layout) sockets() string       { return filepath.Join(string(l), "s") }
func (l layout) vsock() string         { return filepath.Join(l.sockets(), "vsock") }
func (l layout) consoleSocket() string { return filepath.Join(l.sockets(), "tty") }
func (l layout) console() string       { return filepath.Join(string(l), "console") }
func (l layout) log() string           { return filepath.Join(string(l), "log") }
func (l layout) events() string        { return filepath.Join(string(l), "events") }

// token marks the VM's processes in their environment.
func (l layout) token() procs.Token { return procs.Token(tokenName + "=" + string(l)) }

// fill records the intent in the directory and makes what the VMM and readers
// need in it before the VMM has opened anything.
func (l layout) fill(rec record) error {
	if err := durable.ReplaceJSON(l.record(), rec); err != nil {
		return fmt.Errorf("record intent: %w", err)
	}
	for _, path := range []string{l.console(), l.log(), l.events()} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return fmt.Errorf("make %s: %w", path, err)
		}
	}
	if err := os.Mkdir(l.sockets(), 0o700); err != nil {
		return fmt.Errorf("make %s: %w", l.sockets(), err)
	}
	return l.give(rec.UID)
}

// give lets the user of the VMM into the directory, without letting it look
// around, and makes it the owner of what is the VMM's own.
func (l layout) give(uid int) error {
	if uid == 0 {
		return nil
	}
	if err := os.Chmod(string(l), 0o711); err != nil {
		return fmt.Errorf("give run directory: %w", err)
	}
	for _, path := range []string{l.console(), l.sockets()} {
		if err := os.Lchown(path, uid, uid); err != nil {
			return fmt.Errorf("give %s: %w", path, err)
		}
	}
	return nil
}

// remove removes the directory, its record last. One that does not exist is
// removed.
func (l layout) remove() error {
	entries, err := os.ReadDir(string(l))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove run directory: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(string(l), e.Name())
		if path == l.record() {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove run directory: %w", err)
		}
	}
	if err := os.RemoveAll(string(l)); err != nil {
		return fmt.Errorf("remove run directory: %w", err)
	}
	return nil
}

func (l layout) paths(rec record) hostapi.VMPaths {
	return hostapi.VMPaths{
		Attachments:   maps.Clone(rec.Attachments),
		Vsock:         l.vsock(),
		Console:       l.console(),
		ConsoleSocket: l.consoleSocket(),
		Save:          rec.SaveDir,
		Snapshot:      rec.RestoreDir,
	}
}
