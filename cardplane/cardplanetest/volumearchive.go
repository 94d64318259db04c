package cardplanetest

import (
	"context"
	"io"
	"os"
	"sync"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/tartree"
)

func (s *volumeService) Export(_ context.Context, ref string) (io.ReadCloser, error) {
	v, dir, err := s.open(ref, false)
	if err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	written := make(chan struct{})
	s.memory().running.Go(func() {
		defer close(written)
		_ = w.CloseWithError(tartree.Write(w, dir, ".", ".", tartree.WriteOptions{}))
	})
	return &volumeExport{PipeReader: r, end: func() { <-written; s.close(v, dir) }}, nil
}

// volumeExport is a tar that keeps others from writing until it is closed.
type volumeExport struct {
	*io.PipeReader
	end  func()
	once sync.Once
}

func (e *volumeExport) Close() error {
	err := e.PipeReader.Close()
	e.once.Do(e.end)
	return err
}

func (s *volumeService) Import(_ context.Context, ref string, archive io.Reader) error {
	v, dir, err := s.open(ref, true)
	if err != nil {
		return err
	}
	defer s.close(v, dir)
	return tartree.ExtractAt(archive, dir, "/", tartree.ExtractOptions{Owners: os.Geteuid() == 0})
}

// open opens what is on a volume, as nothing but exports and imports sees it,
// to write or to read.
func (s *volumeService) open(ref string, write bool) (cardplane.Volume, *os.File, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	v, err := m.volumeLocked(ref)
	if err != nil {
		return v, nil, err
	}
	if v.Format == cardplane.FormatRaw {
		return v, nil, volumeIsRaw(v)
	}
	for _, c := range m.containers {
		if writes, uses := volumeUse(c, v.Name); uses && c.State.Active() && (write || writes) {
			return v, nil, apierr.New(apierr.FailedPrecondition, "volume_in_use", "the volume %q is in use by container %s", v.Name, c.Name)
		}
	}
	path := m.archives[v.ID]
	if path == "" {
		if path, err = os.MkdirTemp("", "cardplanetest"); err != nil {
			return v, nil, err
		}
		m.roots = append(m.roots, path)
		m.archives[v.ID] = path
	}
	dir, err := os.Open(path)
	if err == nil {
		m.carried[v.ID]++
	}
	return v, dir, err
}

func (s *volumeService) close(v cardplane.Volume, dir *os.File) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.carried[v.ID]--
	_ = dir.Close()
}
