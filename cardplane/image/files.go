package image

import (
	"errors"
	"io"
	"os"
)

// fileSystem is every way in which the store changes the disk. Tests put one
// in its place that fails on request.
type fileSystem interface {
	// MkdirTemp makes a directory as [os.MkdirTemp] does.
	MkdirTemp(dir, pattern string) (string, error)
	// Create makes a new file, private to its owner.
	Create(path string) (file, error)
	// Append opens a file, private to its owner and made if it is missing,
	// whose writes go to its end.
	Append(path string) (file, error)
	// Chmod changes permissions.
	Chmod(path string, mode os.FileMode) error
	// SyncFile and SyncDir wait until a file, or the names in a directory,
	// are on the disk.
	SyncFile(path string) error
	SyncDir(path string) error
	Rename(from, to string) error
	Remove(path string) error
	RemoveAll(path string) error
}

// file is a file being written.
type file interface {
	io.Writer
	io.WriterAt
	io.ReaderAt
	Truncate(size int64) error
	Sync() error
	Close() error
}

// osFileSystem is the real one.
type osFileSystem struct{}

func (osFileSystem) MkdirTemp(dir, pattern string) (string, error) {
	return os.MkdirTemp(dir, pattern)
}

func (osFileSystem) Create(path string) (file, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

func (osFileSystem) Append(path string) (file, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
}

func (osFileSystem) Chmod(path string, mode os.FileMode) error { return os.Chmod(path, mode) }

func (osFileSystem) SyncFile(path string) error { return syncPath(path) }

func (osFileSystem) SyncDir(path string) error { return syncPath(path) }

func (osFileSystem) Rename(from, to string) error { return os.Rename(from, to) }

func (osFileSystem) Remove(path string) error { return os.Remove(path) }

func (osFileSystem) RemoveAll(path string) error { return os.RemoveAll(path) }

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
