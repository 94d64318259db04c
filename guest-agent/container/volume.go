package container

import "context"

// GrowVolume is [Roots.GrowVolume].
func (m *Manager) GrowVolume(ctx context.Context, device string, size int64) error {
	return m.roots.GrowVolume(ctx, device, size)
}
