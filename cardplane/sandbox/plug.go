package sandbox

import (
	"context"
	"slices"
	"time"

	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm"
)

const (
	// maxDisks bounds the disks of a machine, well within the 31 devices that are
	// on its bus.
	maxDisks = 24
	// serialDigits is how much of an id is in a serial, which has 20 bytes.
	serialDigits = 16
	// leavePoll is how often a device that is leaving is looked for.
	leavePoll = 20 * time.Millisecond
	// leaveTimeout bounds the wait for a guest that is to give a device up,
	// before it is asked again.
	leaveTimeout = 10 * time.Second
)

// Device is a block device that comes to a machine which runs: a copy of
// Image, or Disk.
type Device struct {
	// Serial is where the guest finds it. No two of a machine have the same.
	Serial   string
	Image    File
	Disk     *Disk
	ReadOnly bool
}

// ImageSerial returns the serial of the image with that digest, which all who
// use it in one machine share.
func ImageSerial(digest string) string {
	const algorithm = len("sha256:")
	return "img-" + digest[algorithm:min(len(digest), algorithm+serialDigits)]
}

// LayerSerial returns the serial of the writable disk of the owner with that id.
func LayerSerial(id string) string { return "rw-" + id[:min(len(id), serialDigits)] }

// Device returns the volume as one that comes to a machine which runs.
func (v Volume) Device() Device { return Device{Serial: v.Serial, Disk: &v.Disk, ReadOnly: v.ReadOnly} }

// Plug gives the machine devices. Those that it has stay, and disks among them
// are made as large as they are to be. It may be repeated. It waits for a host
// that is away, for as long as a boot may take.
//
// Errors: sandbox_full, attachment_exists where it has a device in another way,
// those of Lost, and those of the host and of the VMM.
func (s *Sandbox) Plug(ctx context.Context, devices []Device) error {
	return s.whileAlive(ctx, func(ctx context.Context) error {
		vm, err := s.bring(ctx, devices)
		if apierr.Is(err, "blob_not_found") || apierr.Is(err, "blob_incomplete") {
			s.manager.blobs.forget() // the host has lost what it had when it was asked last
			vm, err = s.bring(ctx, devices)
		}
		if err != nil || len(devices) == 0 {
			return err
		}
		return s.add(ctx, devices, vm)
	})
}

// whileAlive repeats do, which is idempotent, until the host and the VMM have
// answered it, the machine is lost, or a boot's time is over.
func (s *Sandbox) whileAlive(ctx context.Context, do func(context.Context) error) error {
	late, cancel := context.WithTimeout(ctx, s.manager.bootTimeout)
	defer cancel()
	defer context.AfterFunc(s.alive, cancel)()
	for retry := guestclient.NewBackoff(); ; {
		err := do(late)
		if err == nil {
			return nil
		}
		if s.alive.Err() != nil {
			return s.LostError()
		}
		if !HostAway(err) && !unasked(err) || retry.Wait(late) != nil {
			return Explain(err)
		}
	}
}

// bring makes the host have the devices' files, and lets the VMM reach them.
func (s *Sandbox) bring(ctx context.Context, devices []Device) (vm hostapi.VM, err error) {
	for _, d := range devices {
		files := []File{d.Image}
		if d.Disk != nil {
			files = []File{s.manager.artefacts.diskTemplate(*d.Disk)}
		}
		if err := s.manager.blobs.ensure(ctx, files...); err != nil {
			return vm, err
		}
		spec := hostapi.AttachmentSpec{Readonly: d.ReadOnly}
		if d.Disk == nil {
			spec = hostapi.AttachmentSpec{Blob: &d.Image.Digest, Readonly: true}
		} else {
			if _, err := s.manager.host.PutDisk(ctx, d.Disk.ID, s.manager.artefacts.diskSpec(*d.Disk)); err != nil {
				return vm, err
			}
			spec.Disk = &d.Disk.ID
		}
		if vm, err = s.manager.host.PutAttachment(ctx, s.id, d.Serial, spec); err != nil {
			return vm, err
		}
	}
	return vm, nil
}

// add plugs in the devices that the VMM does not have.
func (s *Sandbox) add(ctx context.Context, devices []Device, vm hostapi.VM) error {
	handle := vmm.New(s.dialVMM)
	defer handle.Close()
	info, err := handle.Info(ctx)
	if err != nil {
		return err
	}
	disks := len(info.Config.Disks)
	for _, d := range devices {
		cfg := deviceConfig(d, vm)
		switch {
		case has(info, d.Serial) && !cfg.Readonly:
			err = handle.ResizeDisk(ctx, d.Serial, s.manager.artefacts.diskSpec(*d.Disk).SizeBytes)
		case has(info, d.Serial):
		case disks >= maxDisks:
			return apierr.New(apierr.ResourceExhausted, "sandbox_full",
				"the virtual machine has %d disks, which is the most: one for each image, writable layer and volume; stop containers in it, or use another sandbox", maxDisks)
		default:
			disks++
			if err = s.awaitGone(ctx, handle, d.Serial); err == nil { // it may be on its way out
				_, err = handle.AddDisk(ctx, cfg)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// has reports whether the VMM's configuration has the device.
func has(info chapi.VmInfo, id string) bool {
	return slices.ContainsFunc(info.Config.Disks, func(d chapi.DiskConfig) bool { return d.Id == id })
}

// gone reports whether nothing is left of the device.
func gone(info chapi.VmInfo, id string) bool {
	_, attached := info.DeviceTree[id]
	return !has(info, id) && !attached
}

// Unplug takes from the machine the devices with these serials that Plug has
// given it. The guest must have no use for them. It may be repeated, and waits
// as Plug does.
func (s *Sandbox) Unplug(ctx context.Context, serials []string) error {
	return s.whileAlive(ctx, func(ctx context.Context) error {
		handle := vmm.New(s.dialVMM)
		defer handle.Close()
		for _, id := range serials {
			if err := s.remove(ctx, handle, id); err != nil {
				return err
			}
			if err := s.manager.host.DeleteAttachment(ctx, s.id, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// remove asks the guest to give the device up until it has.
func (s *Sandbox) remove(ctx context.Context, handle *vmm.VMM, id string) error {
	for {
		info, err := handle.Info(ctx)
		if err != nil || gone(info, id) {
			return err
		}
		// It fails where the removal is under way.
		if err := handle.RemoveDevice(ctx, id); unasked(err) {
			return err
		}
		patience, cancel := context.WithTimeout(ctx, leaveTimeout)
		err = s.awaitGone(patience, handle, id)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}

// awaitGone returns once nothing is left of a device that is leaving.
func (s *Sandbox) awaitGone(ctx context.Context, handle *vmm.VMM, id string) error {
	tick := time.NewTicker(leavePoll)
	defer tick.Stop()
	for {
		info, err := handle.Info(ctx)
		if err != nil || gone(info, id) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
