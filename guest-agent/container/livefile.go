package container

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

const (
	maxDirectories   = 4
	maxLinks         = 64
	maxLiveFileBytes = 512 << 10
	maxPathBytes     = 4096
	maxOwner         = 1<<32 - 2
)

// staged are containers that are not there yet and have files that wait for them.
type staged struct {
	mu  sync.Mutex // held while a file is put for one of them
	ids map[string]bool
}

// PutFile puts a file into a directory in memory of the container id, or replaces
// it. A container that is not there yet finds it at its start.
func (m *Manager) PutFile(ctx context.Context, id string, f *guestapi.LiveFile) error {
	if err := errors.Join(checkID(id), checkLiveFile(f)); err != nil {
		return err
	}
	c, err := m.find(id)
	if err != nil {
		return m.stage(ctx, id, f)
	}
	if !slices.Contains(c.directories, f.Directory) {
		return invalid("/directory", "%s has no directory %q in memory", c.name, f.Directory)
	}
	c.replacing.Lock()
	defer c.replacing.Unlock()
	if c.isDeleting() {
		return apierr.New(apierr.FailedPrecondition, "container_busy", "%s is being deleted by another request", c.name)
	}
	return m.roots.PutFile(id, f)
}

// stage puts a file for a container that is not there.
func (m *Manager) stage(ctx context.Context, id string, f *guestapi.LiveFile) error {
	m.staged.mu.Lock()
	defer m.staged.mu.Unlock()
	if m.isClosing() {
		return errShuttingDown()
	}
	known := m.staged.ids[id]
	if !known && len(m.staged.ids) >= maxContainers {
		return apierr.New(apierr.ResourceExhausted, "too_many", "files wait for %d containers already; delete one first", maxContainers)
	}
	if err := m.roots.PutFile(id, f); err != nil {
		if !known {
			err = errors.Join(err, m.roots.Release(ctx, id))
		}
		return err
	}
	m.staged.ids[id] = true
	return nil
}

// unstage hands the files that wait for a container over to it.
func (m *Manager) unstage(id string) {
	m.staged.mu.Lock()
	defer m.staged.mu.Unlock()
	delete(m.staged.ids, id)
}

// dropStaged drops the files that wait for a container which never came.
func (m *Manager) dropStaged(ctx context.Context, id string) error {
	m.staged.mu.Lock()
	defer m.staged.mu.Unlock()
	if !m.staged.ids[id] {
		return nil
	}
	if err := m.roots.Release(ctx, id); err != nil {
		return err
	}
	delete(m.staged.ids, id)
	return nil
}

func (m *Manager) isClosing() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closing
}

func checkLiveFile(f *guestapi.LiveFile) error {
	if err := checkPath("/directory", f.Directory); err != nil {
		return err
	}
	switch {
	case !filepath.IsLocal(f.Name) || filepath.Clean(f.Name) != f.Name || f.Name == "." || len(f.Name) > maxPathBytes:
		return invalid("/name", "%.200q is no clean path of a file in a directory", f.Name)
	case f.Mode < 0 || f.Mode > maxFileMode:
		return invalid("/mode", "%d is no file mode; it is 0 to %d (0777)", f.Mode, maxFileMode)
	case f.Uid < 0 || f.Uid > maxOwner:
		return invalid("/uid", "%d is no user id", f.Uid)
	case f.Gid < 0 || f.Gid > maxOwner:
		return invalid("/gid", "%d is no group id", f.Gid)
	case len(f.ContentBase64) > maxLiveFileBytes:
		return invalid("/contentBase64", "%d bytes are too many for a file; it may have %d", len(f.ContentBase64), maxLiveFileBytes)
	}
	return nil
}

// checkLive checks where a container has files that can be replaced.
func checkLive(c *guestapi.ContainerConfig) error {
	if len(c.Directories) > maxDirectories {
		return invalid("/directories", "%d directories are too many; there may be %d", len(c.Directories), maxDirectories)
	}
	for i, dir := range c.Directories {
		if err := checkPath(fmt.Sprintf("/directories/%d", i), dir); err != nil {
			return err
		}
	}
	if len(c.Links) > maxLinks {
		return invalid("/links", "%d links are too many; there may be %d", len(c.Links), maxLinks)
	}
	for i, link := range c.Links {
		field := fmt.Sprintf("/links/%d", i)
		if err := errors.Join(checkPath(field+"/path", link.Path), checkPath(field+"/target", link.Target)); err != nil {
			return err
		}
	}
	return nil
}
