package sandbox

import (
	"context"

	"github.com/cardplane/cardplane/vmm"
)

// GrowVolume makes a volume that the running machine may write to as large as
// v says: the disk on the host, the device, and the file system in the guest, if it
// has one.
// It may be repeated.
func (s *Sandbox) GrowVolume(ctx context.Context, v Volume) error {
	spec := s.manager.artefacts.diskSpec(v.Disk)
	if _, err := s.manager.host.PutDisk(ctx, v.ID, spec); err != nil {
		return Explain(err)
	}
	handle := vmm.New(s.dialVMM)
	defer handle.Close()
	if err := handle.ResizeDisk(ctx, v.Serial, spec.SizeBytes); err != nil {
		return Explain(err)
	}
	if v.Raw { // the guest's kernel is told by the device
		return nil
	}
	return s.guest.GrowVolume(ctx, v.Serial, spec.SizeBytes)
}
