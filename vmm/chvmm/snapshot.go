package chvmm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm"
)

// configFile is the file of a snapshot that holds the VmConfig.
const configFile = "config.json"

// maxSnapshotConfig bounds a snapshot's configuration in bytes.
const maxSnapshotConfig = 4 << 20

// snapshot writes the paused VM into the directory that url names.
func (v *VMM) snapshot(ctx context.Context, url string) error {
	if v.machine == nil {
		return errNotRunning
	}
	v.emit(vmm.EventSnapshotting)
	if v.state != chapi.Paused {
		return NewFault("Cannot snapshot VM", NewFault("Failed to snapshot migratable component",
			faultf("Trying to snapshot while VM is running")))
	}
	// The real VMM tells so before it writes; the answer is what completes it.
	v.emit(vmm.EventSnapshotted)
	if err := v.save(ctx, url); err != nil {
		return NewFault("Cannot send VM snapshot", err)
	}
	return nil
}

func (v *VMM) save(ctx context.Context, url string) error {
	dir, err := snapshotDir(url)
	if err != nil {
		return err
	}
	if err := writeSnapshotConfig(dir, v.config); err != nil {
		return NewFault("Failed to send migratable component snapshot", err)
	}
	ctx, cancel := operationContext(ctx)
	defer cancel()
	if err := v.machine.Save(ctx, dir); err != nil {
		return NewFault("Failed to send migratable component snapshot", err)
	}
	return nil
}

// snapshotDir returns the path in a file:// URL of a directory.
func snapshotDir(url string) (string, error) {
	const outer = "Failed to send migratable component snapshot"
	path, ok := strings.CutPrefix(url, "file://")
	if !ok {
		return "", NewFault(outer, faultf("Could not extract path from URL: %s", url))
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return "", NewFault(outer, faultf("Destination is not a directory: %q", path))
	}
	return path, nil
}

func writeSnapshotConfig(dir string, cfg *chapi.VmConfig) error {
	text, err := json.Marshal(cfg)
	if err != nil {
		return err
	}
	if err := WriteNew(filepath.Join(dir, configFile), text); err != nil {
		return NewFault("Error creating VM config snapshot file", err)
	}
	return nil
}

// WriteNew writes a file of a snapshot, which must not be there yet.
func WriteNew(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}

// restore makes a VM from a snapshot. When it fails after the configuration is
// known, the VM is deleted again, with its event.
func (v *VMM) restore(ctx context.Context, from chapi.RestoreConfig) error {
	if v.config != nil {
		return errAlreadyCreated
	}
	cfg, dir, err := readSnapshot(from)
	if err != nil {
		return err
	}
	err = v.restoreVM(ctx, cfg, Snapshot{Dir: dir, Prefault: from.Prefault})
	if err == nil && from.Resume {
		err = v.resume(ctx)
	}
	if err != nil {
		if undo := v.delete(ctx); undo != nil {
			return undo
		}
	}
	return err
}

func readSnapshot(from chapi.RestoreConfig) (*chapi.VmConfig, string, error) {
	dir, err := snapshotDir(from.SourceUrl)
	if err != nil {
		return nil, "", NewFault("Cannot restore VM", err)
	}
	cfg, err := readSnapshotConfig(filepath.Join(dir, configFile))
	if err == nil {
		err = openable(filepath.Join(dir, StateFile), os.O_RDONLY)
	}
	if err != nil {
		return nil, "", NewFault("Cannot restore VM", NewFault("Failed to receive migratable component snapshot", err))
	}
	if from.MemoryRestoreMode == chapi.OnDemand {
		if from.Prefault {
			return nil, "", NewFault("Failed to validate config", faultf("'prefault' cannot be combined with 'memory_restore_mode=ondemand'"))
		}
		return nil, "", NewFault("Cannot restore VM", &NotSupported{"vm.restore memory_restore_mode OnDemand", "memory is read before the guest runs; use Copy"})
	}
	return cfg, dir, nil
}

func readSnapshotConfig(path string) (*chapi.VmConfig, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, NewFault(fmt.Sprintf("Error opening VM config snapshot file %q", path), err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxSnapshotConfig))
	if err != nil {
		return nil, NewFault(fmt.Sprintf("Error reading VM config snapshot file %q", path), err)
	}
	cfg, err := parseSnapshotConfig(text)
	if err != nil {
		return nil, NewFault("Error deserialising VM config snapshot", err)
	}
	return cfg, nil
}

func parseSnapshotConfig(text []byte) (*chapi.VmConfig, error) {
	exact, err := conform(text, reflect.TypeFor[chapi.VmConfig]())
	if err != nil {
		return nil, err
	}
	var cfg chapi.VmConfig
	if err := json.Unmarshal(exact, &cfg); err != nil {
		return nil, err
	}
	setDefaults(&cfg)
	return &cfg, nil
}

func (v *VMM) restoreVM(ctx context.Context, cfg *chapi.VmConfig, from Snapshot) error {
	v.config = cfg
	if err := v.openConsoles(); err != nil {
		return err
	}
	if err := v.checkConfig(); err != nil {
		return err
	}
	v.emit(vmm.EventRestoring)
	ctx, cancel := operationContext(ctx)
	defer cancel()
	machine, err := v.cfg.Platform.Restore(ctx, cfg, v.consoles.files, from)
	if err != nil {
		return err
	}
	v.ids = ids{}
	v.adopt(machine, chapi.Paused)
	v.emit(vmm.EventRestored)
	return nil
}
