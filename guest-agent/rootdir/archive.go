package rootdir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/guestapi"
)

// OpenVolume implements container.Roots. The volume is used meanwhile under an id
// that no container has.
func (r *Roots) OpenVolume(ctx context.Context, v guestapi.Volume) (_ *os.File, release func() error, err error) {
	id := fmt.Sprintf("archive/%d", r.archives.Add(1))
	release = func() error {
		r.awaitGrowth(id)
		return r.releaseVolumes(id)
	}
	fill := (*mounted).makeData
	if v.ReadOnly {
		fill = func(*mounted) error { return nil }
	}
	m, err := r.acquireVolume(ctx, id, "", v, fill)
	if err != nil {
		return nil, nil, errors.Join(err, release())
	}
	r.grow(id)
	dir, err := os.OpenFile(filepath.Join(m.path, volumeData), unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, nil, errors.Join(err, release())
	}
	return dir, release, nil
}

// makeData gives a volume that was never used an empty directory.
func (m *mounted) makeData() error {
	err := os.Mkdir(filepath.Join(m.path, volumeData), 0o755)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	return err
}
