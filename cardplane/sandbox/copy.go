package sandbox

import "context"

// CopyDisk has the host make d as a copy of the disk that it names. It may be
// repeated, and waits for a host that is away meanwhile.
//
// Errors: disk_not_found where there is nothing to copy, disk_attached, and
// those of the host.
func (m *Manager) CopyDisk(ctx context.Context, d Disk) error {
	if _, err := m.askHost(ctx); err != nil {
		return Explain(err)
	}
	return Explain(insist(ctx, m.bootTimeout, func(ctx context.Context) error {
		_, err := m.host.PutDisk(ctx, d.ID, m.artefacts.diskSpec(d))
		return err
	}))
}
