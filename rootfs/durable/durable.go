// Package durable writes files that are either there whole or not at all, also
// after a crash or a power cut.
package durable

import (
	"fmt"
	"os"
	"path/filepath"
)

// WriteFile writes dir/name durably and in one step: temporary file, fsync,
// rename, fsync of the directory.
func WriteFile(dir, name string, content []byte) error {
	return Replace(dir, name, func(f *os.File) error {
		_, err := f.Write(content)
		return err
	})
}

// Replace makes dir/name from what fill writes, in the same manner as
// WriteFile. When fill fails nothing is left behind and an older dir/name stays.
func Replace(dir, name string, fill func(*os.File) error) (err error) {
	f, err := os.CreateTemp(dir, "."+name+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := fill(f); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := f.Chmod(0o644); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return nil
}
