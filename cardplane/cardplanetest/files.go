package cardplanetest

import (
	"context"
	"io"
	"os"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/tartree"
)

// openRoot opens a container's file system: an empty directory, which the
// programs do not see.
func (s *containerService) openRoot(ref, path string) (*os.File, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, apierr.New(apierr.InvalidArgument, "invalid_path", "the path %q is not absolute; begin it with /", path).At("path")
	}
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err != nil {
		return nil, err
	}
	if _, err := c.runningLocked(); err != nil {
		return nil, err
	}
	if c.root == "" {
		if c.root, err = os.MkdirTemp("", "cardplanetest"); err != nil {
			return nil, err
		}
		m.roots = append(m.roots, c.root)
		if err := m.writeContentsLocked(c); err != nil {
			return nil, err
		}
	}
	return os.Open(c.root)
}

func (s *containerService) StatPath(_ context.Context, ref, path string) (cardplane.PathStat, error) {
	root, err := s.openRoot(ref, path)
	if err != nil {
		return cardplane.PathStat{}, err
	}
	defer func() { _ = root.Close() }()
	source, err := tartree.Open(root, path)
	if err != nil {
		return cardplane.PathStat{}, err
	}
	defer func() { _ = source.Close() }()
	stat, err := source.Stat()
	return cardplane.PathStat{
		Name: stat.Name, Type: cardplane.PathType(stat.Type), Mode: stat.Mode, Size: stat.Size,
		ModTime: stat.ModTime, LinkTarget: stat.LinkTarget, IsDirectory: stat.IsDirectory,
	}, err
}

func (s *containerService) CopyFrom(_ context.Context, ref, path string) (io.ReadCloser, error) {
	root, err := s.openRoot(ref, path)
	if err != nil {
		return nil, err
	}
	source, err := tartree.Open(root, path)
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	r, w := io.Pipe()
	s.memory().running.Go(func() {
		defer func() { _ = root.Close() }()
		defer func() { _ = source.Close() }()
		_ = w.CloseWithError(source.Write(w, source.Name(), tartree.WriteOptions{}))
	})
	return r, nil
}

func (s *containerService) CopyTo(_ context.Context, ref, dir string, archive io.Reader) error {
	root, err := s.openRoot(ref, dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	// A test need not be root to write the files of others.
	return tartree.ExtractAt(archive, root, dir, tartree.ExtractOptions{Owners: os.Geteuid() == 0})
}
