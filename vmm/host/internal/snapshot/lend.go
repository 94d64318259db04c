package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// Files that a VMM writes into a snapshot's directory.
const configFile = "config.json"

var files = []string{configFile, "state.json", "memory-ranges"}

// maxConfig bounds a configuration in bytes.
const maxConfig = 4 << 20

// Loan is a snapshot that a VM is to be started from.
type Loan struct {
	rec   record
	files string
}

// VMM returns which VMM wrote the snapshot, and what version it said it has.
func (l Loan) VMM() (hostapi.VMMKind, string) { return l.rec.VMM, l.rec.Version }

// Lend finds the snapshot id, and notes that it is used. Errors:
// snapshot_not_found.
func (s *Store) Lend(id string) (Loan, error) {
	rec, err := s.record(id)
	if err != nil {
		return Loan{}, err
	}
	now := time.Now()
	if err := os.Chtimes(s.path(id, recordFile), now, now); err != nil {
		return Loan{}, fmt.Errorf("use snapshot: %w", err)
	}
	return Loan{rec: rec, files: s.files(id)}, nil
}

// Fill puts into the empty directory dir what a VM with paths restores: links
// to the files, and the configuration with its own paths in it. Errors:
// snapshot_mismatch, snapshot_invalid, and snapshot_not_found where the
// snapshot has been removed meanwhile.
func (l Loan) Fill(dir string, paths hostapi.VMPaths) error {
	cfg, err := readConfig(filepath.Join(l.files, configFile))
	if err != nil {
		return err
	}
	renamed, err := renaming(l.rec.Paths, paths)
	if err != nil {
		return err
	}
	text, err := json.Marshal(rename(cfg, renamed))
	if err != nil {
		return fmt.Errorf("fill snapshot: %w", err)
	}
	target := filepath.Join(dir, configFile)
	if err := errors.Join(os.WriteFile(target, text, 0o600), os.Chmod(target, 0o444)); err != nil {
		return spaceError(fmt.Errorf("fill snapshot: %w", err))
	}
	for _, name := range files[1:] {
		if err := os.Link(filepath.Join(l.files, name), filepath.Join(dir, name)); err != nil {
			return gone(fmt.Errorf("fill snapshot: %w", err))
		}
	}
	return nil
}

// gone says so where a snapshot was removed while it was about to be used.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return apierr.New(apierr.NotFound, CodeNotFound, "the snapshot has just been removed: %w", err)
	}
	return err
}

// renaming pairs the paths of the saved VM with those of the new one.
func renaming(old, now hostapi.VMPaths) (map[string]string, error) {
	pairs := map[string]string{old.Vsock: now.Vsock, old.Console: now.Console, old.ConsoleSocket: now.ConsoleSocket}
	for name, path := range old.Attachments {
		to, ok := now.Attachments[name]
		if !ok {
			return nil, apierr.New(apierr.FailedPrecondition, "snapshot_mismatch",
				"the snapshot is of a VM with the attachment %q; attach one of that name", name).At("/attachments")
		}
		pairs[path] = to
	}
	return pairs, nil
}

// rename replaces every string of a JSON value that is one of pairs.
func rename(value any, pairs map[string]string) any {
	switch v := value.(type) {
	case string:
		if to, ok := pairs[v]; ok {
			return to
		}
	case []any:
		for i := range v {
			v[i] = rename(v[i], pairs)
		}
	case map[string]any:
		for key := range v {
			v[key] = rename(v[key], pairs)
		}
	}
	return value
}

// readConfig reads the configuration that a VMM has written at path.
func readConfig(path string) (any, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil, missing("the VM has saved no %s; let its VMM take a snapshot into paths.save first", configFile)
	}
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	return parseConfig(text)
}

// parseConfig reads a configuration, its numbers as they stand.
func parseConfig(text []byte) (any, error) {
	var cfg any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	err := decoder.Decode(&cfg)
	if _, object := cfg.(map[string]any); err == nil && !object {
		err = errors.New("it is no object")
	}
	if err == nil && len(text) > maxConfig {
		err = fmt.Errorf("it has more than %d bytes", maxConfig)
	}
	if err != nil {
		return nil, apierr.New(apierr.FailedPrecondition, "snapshot_invalid",
			"the snapshot's %s cannot be read; take another: %s", configFile, strings.ToValidUTF8(err.Error(), "?"))
	}
	return cfg, nil
}
