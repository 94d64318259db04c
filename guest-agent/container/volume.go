package container

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"

	"github.com/cardplane/cardplane/openapi/guestapi"
	"github.com/cardplane/cardplane/openapi/tartree"
)

// GrowVolume is [Roots.GrowVolume].
func (m *Manager) GrowVolume(ctx context.Context, device string, size int64) error {
	return m.roots.GrowVolume(ctx, device, size)
}

// ReadVolume returns a function that writes all that is on a volume as a tar. It
// must be called, once. readOnly tells that the device cannot be written to.
func (m *Manager) ReadVolume(ctx context.Context, device string, readOnly bool) (func(io.Writer) error, error) {
	if err := m.beginCopy(); err != nil {
		return nil, err
	}
	dir, release, err := m.roots.OpenVolume(ctx, guestapi.Volume{Device: device, ReadOnly: true, ReadOnlyDevice: readOnly})
	if errors.Is(err, os.ErrNotExist) {
		m.endCopy()
		return func(w io.Writer) error { return tar.NewWriter(w).Close() }, nil
	}
	if err != nil {
		m.endCopy()
		return nil, err
	}
	return func(w io.Writer) error {
		defer m.endCopy()
		err := tartree.Write(w, dir, ".", ".", tartree.WriteOptions{})
		return errors.Join(err, dir.Close(), release())
	}, nil
}

// WriteVolume writes the files of a tar to a volume, and returns once it is
// unmounted, unless a container uses it as well.
func (m *Manager) WriteVolume(ctx context.Context, device string, archive io.Reader) error {
	if err := m.beginCopy(); err != nil {
		return err
	}
	defer m.endCopy()
	dir, release, err := m.roots.OpenVolume(ctx, guestapi.Volume{Device: device})
	if err != nil {
		return err
	}
	err = tartree.ExtractAt(archive, dir, "/", tartree.ExtractOptions{Owners: true})
	return errors.Join(err, dir.Close(), release())
}
