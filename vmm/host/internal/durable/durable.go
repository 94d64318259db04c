// Package durable writes files so that a reader, also one after a crash,
// sees either the old contents or the new, never a part.
package durable

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// WriteJSON writes v as JSON to path with mode 0600: temporary file, fsync,
// rename, fsync of the directory.
func WriteJSON(path string, v any) error {
	return writeJSON(path, v, true)
}

// ReplaceJSON is WriteJSON without fsync: it holds against the death of a
// process at any instruction, not against a loss of power. It is for run
// directories, whose contents mean nothing after a reboot.
func ReplaceJSON(path string, v any) error {
	return writeJSON(path, v, false)
}

func writeJSON(path string, v any, sync bool) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: encode: %w", path, err)
	}
	tmp := path + ".tmp"
	if err := writeFile(tmp, data, sync); err != nil {
		_ = os.Remove(tmp)
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		_ = os.Remove(tmp)
		return err
	}
	if !sync {
		return nil
	}
	return SyncDir(filepath.Dir(path))
}

func writeFile(path string, data []byte, sync bool) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && sync {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// ReadJSON reads what WriteJSON or ReplaceJSON wrote. The error of a missing
// file satisfies errors.Is(err, fs.ErrNotExist).
func ReadJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: decode: %w", path, err)
	}
	return nil
}

// SyncDir makes renames, creations and removals in dir durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return nil
}
