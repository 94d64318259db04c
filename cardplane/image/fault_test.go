package image

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// faultyFS fails with ENOSPC at one of the operations that need space, counted
// from 1; 0 means never.
type faultyFS struct {
	osFileSystem
	failAt atomic.Int64
	count  atomic.Int64
}

func (f *faultyFS) arm(n int64) { f.failAt.Store(n); f.count.Store(0) }

func (f *faultyFS) fault(op, path string) error {
	if f.count.Add(1) == f.failAt.Load() {
		return &os.PathError{Op: op, Path: path, Err: syscall.ENOSPC}
	}
	return nil
}

func (f *faultyFS) MkdirTemp(dir, pattern string) (string, error) {
	if err := f.fault("mkdir", dir); err != nil {
		return "", err
	}
	return f.osFileSystem.MkdirTemp(dir, pattern)
}

func (f *faultyFS) Create(path string) (file, error) {
	if err := f.fault("open", path); err != nil {
		return nil, err
	}
	real, err := f.osFileSystem.Create(path)
	return &faultyFile{real, f, path}, err
}

func (f *faultyFS) Append(path string) (file, error) {
	if err := f.fault("open", path); err != nil {
		return nil, err
	}
	real, err := f.osFileSystem.Append(path)
	return &faultyFile{real, f, path}, err
}

func (f *faultyFS) SyncFile(path string) error {
	if err := f.fault("fsync", path); err != nil {
		return err
	}
	return f.osFileSystem.SyncFile(path)
}

func (f *faultyFS) SyncDir(path string) error {
	if err := f.fault("fsync", path); err != nil {
		return err
	}
	return f.osFileSystem.SyncDir(path)
}

func (f *faultyFS) Rename(from, to string) error {
	if err := f.fault("rename", to); err != nil {
		return err
	}
	return f.osFileSystem.Rename(from, to)
}

type faultyFile struct {
	file
	fs   *faultyFS
	path string
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.fs.fault("write", f.path); err != nil {
		n, _ := f.file.Write(p[:len(p)/2])
		return n, err
	}
	return f.file.Write(p)
}

func (f *faultyFile) WriteAt(p []byte, at int64) (int, error) {
	if err := f.fs.fault("write", f.path); err != nil {
		return 0, err
	}
	return f.file.WriteAt(p, at)
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.fs.fault("truncate", f.path); err != nil {
		return err
	}
	return f.file.Truncate(size)
}

func (f *faultyFile) Sync() error {
	if err := f.fs.fault("fsync", f.path); err != nil {
		return err
	}
	return f.file.Sync()
}

// everyFault runs work on a new store once for each operation it does on the
// disk, which then fails as if the disk were full.
func everyFault(t *testing.T, work func(*Store) error) {
	for n := int64(1); ; n++ {
		disk := &faultyFS{}
		s := openStore(t, func(o *Options) { o.fs = disk })
		disk.arm(n)
		err := work(s)
		if disk.count.Load() < n {
			if err != nil {
				t.Fatalf("without a fault: %v", err)
			}
			if n < 10 {
				t.Fatalf("only %d operations", n-1)
			}
			return
		}
		t.Run(fmt.Sprint("operation ", n), func(t *testing.T) {
			wantCode(t, err, "disk_full")
			if apierr.ClassOf(err) != apierr.ResourceExhausted {
				t.Errorf("class %v", apierr.ClassOf(err))
			}
			wantEmpty(t, s)
			disk.arm(0)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			again := openStore(t, func(o *Options) { o.Dir = s.options.Dir })
			wantEmpty(t, again)
			if err := work(again); err != nil {
				t.Errorf("with space again: %v", err)
			}
		})
	}
}

func TestDiskFullWhileLoading(t *testing.T) {
	archive := dockerArchive(t, "x", newImage(t, packTar(t, "a", "1", "d/b", "2"), packTar(t, "c", "3")))
	everyFault(t, func(s *Store) error {
		_, err := s.Load(context.Background(), bytes.NewReader(archive), cardplane.LoadOptions{})
		return err
	})
}

func TestDiskFullWhilePulling(t *testing.T) {
	r := newRegistry(t)
	ref := r.push("app", newImage(t, packTar(t, "a", "1"), packTar(t, "b", "2")))
	everyFault(t, func(s *Store) error {
		_, err := pull(s, ref)
		return err
	})
}

func TestDiskFullWhileRemoving(t *testing.T) {
	disk := &faultyFS{}
	s := openStore(t, func(o *Options) { o.fs = disk })
	img := mustLoad(t, s, dockerArchive(t, "x", newImage(t, packTar(t, "a", "1"))))
	for n := int64(1); n <= 4; n++ { // create, write, sync, rename of index.json
		disk.arm(n)
		_, err := s.Remove(context.Background(), "x", removeOptions)
		wantCode(t, err, "disk_full")
		disk.arm(0)
		if again, err := s.Get(context.Background(), "x"); err != nil || again.ID != img.ID {
			t.Errorf("operation %d: the image is gone: %v", n, err)
		}
		wantFile(t, s, img.ID, "a", "1")
	}
}
