package container

import (
	"io"
	"os"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
	"github.com/cardplane/cardplane/openapi/tartree"
)

// maxCopies bounds the archives that are read and written at one time, each of
// which takes some buffers.
const maxCopies = 16

// openRoot opens the root directory of the container id, with all mounts, as
// its first process sees it.
func (m *Manager) openRoot(id string) (*os.File, error) {
	c, err := m.find(id)
	if err != nil {
		return nil, err
	}
	handle, err := c.running()
	if err != nil {
		return nil, err
	}
	root, err := handle.OpenRoot()
	if err == nil {
		return root, nil
	}
	// The process may have ended a moment ago.
	if _, ended := c.running(); ended != nil {
		return nil, ended
	}
	return nil, err
}

// StatFile returns what a path in the container id is.
func (m *Manager) StatFile(id, path string) (guestapi.FileStat, error) {
	root, err := m.openRoot(id)
	if err != nil {
		return guestapi.FileStat{}, err
	}
	defer func() { _ = root.Close() }()
	source, err := tartree.Open(root, path)
	if err != nil {
		return guestapi.FileStat{}, err
	}
	defer func() { _ = source.Close() }()
	stat, err := source.Stat()
	if err != nil {
		return guestapi.FileStat{}, err
	}
	return guestapi.FileStat{
		Name: stat.Name, Type: guestapi.FileType(stat.Type), Mode: int32(stat.Mode), SizeBytes: stat.Size,
		ModifiedAt: stat.ModTime, LinkTarget: stat.LinkTarget, IsDirectory: stat.IsDirectory,
	}, nil
}

// ReadArchive returns a function that writes what path in the container id is,
// and all below it, as a tar. It must be called, once.
func (m *Manager) ReadArchive(id, path string) (func(io.Writer) error, error) {
	if err := m.beginCopy(); err != nil {
		return nil, err
	}
	root, err := m.openRoot(id)
	if err != nil {
		m.endCopy()
		return nil, err
	}
	source, err := tartree.Open(root, path)
	if err != nil {
		_ = root.Close()
		m.endCopy()
		return nil, err
	}
	return func(w io.Writer) error {
		defer m.endCopy()
		defer func() { _ = root.Close() }()
		defer func() { _ = source.Close() }()
		return source.Write(w, source.Name(), tartree.WriteOptions{})
	}, nil
}

// WriteArchive writes the files of a tar to a directory of the container id.
func (m *Manager) WriteArchive(id, dir string, archive io.Reader) error {
	if err := m.beginCopy(); err != nil {
		return err
	}
	defer m.endCopy()
	root, err := m.openRoot(id)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return tartree.ExtractAt(archive, root, dir, tartree.ExtractOptions{Owners: true})
}

func (m *Manager) beginCopy() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.copies >= maxCopies {
		return apierr.New(apierr.ResourceExhausted, "too_many", "%d copies are under way already; wait for one to end", maxCopies)
	}
	m.copies++
	return nil
}

func (m *Manager) endCopy() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.copies--
}
