package container

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/sandbox"
)

// Export implements cardplane.VolumeService.
func (v *volumes) Export(ctx context.Context, ref string) (io.ReadCloser, error) {
	ctx, end := v.svc.serving(ctx)
	defer end()
	p, err := v.hire(ctx, ref, false)
	if err != nil {
		return nil, err
	}
	archive, err := p.sb.Guest().ReadVolume(v.svc.ctx, ctx, p.volume.Serial, p.volume.ReadOnly)
	if err != nil {
		p.leave()
		return nil, sandbox.Explain(err)
	}
	return &export{ReadCloser: archive, porter: p}, nil
}

// export is a tar that keeps its porter until it is closed.
type export struct {
	io.ReadCloser
	porter *porter
	once   sync.Once
}

// Close implements io.Closer.
func (e *export) Close() error {
	err := e.ReadCloser.Close()
	e.once.Do(e.porter.leave)
	return err
}

// Import implements cardplane.VolumeService. It is not tried again, as the
// archive can be read only once.
func (v *volumes) Import(ctx context.Context, ref string, archive io.Reader) error {
	ctx, end := v.svc.serving(ctx)
	defer end()
	p, err := v.hire(ctx, ref, true)
	if err != nil {
		return err
	}
	defer p.leave()
	err = p.sb.Guest().WriteVolume(ctx, p.volume.Serial, archive)
	if errors.Is(context.Cause(ctx), sandbox.ErrDetached) {
		return shuttingDown()
	}
	if _, away := v.svc.away(); away != nil && err != nil {
		return sandbox.Explain(away)
	}
	return err
}

// hire is Service.hire for the volume that ref means.
func (v *volumes) hire(ctx context.Context, ref string, write bool) (*porter, error) {
	volume, err := v.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	if volume.Format == cardplane.FormatRaw {
		return nil, isRaw(volume, "has no files that a tar could hold; copy its content through a container, or the volume with `cardctl volume clone`")
	}
	return v.svc.hire(ctx, volume, write)
}
