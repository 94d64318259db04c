package sandbox

import (
	"slices"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

const (
	// SerialImage is the serial by which the guest finds the image's block file.
	SerialImage = "image"
	// SerialScratch is that of the writable disk.
	SerialScratch = "scratch"

	attachKernel  = "kernel"
	attachInitrd  = "initrd"
	attachRootfs  = "rootfs"
	attachImage   = "image"
	attachScratch = "scratch"

	// guestCID may be the same in every machine: a hybrid-vsock socket leads
	// to one machine only.
	guestCID = 3

	diskBlock = 4096
)

// Spec describes a sandbox.
type Spec struct {
	// ID is the machine's id on the host, chosen by the caller.
	ID string
	// Labels are kept by the host.
	Labels      map[string]string
	VCPUs       int
	MemoryBytes int64
	// HugePages backs the memory by huge pages of the host.
	HugePages bool
	// HostCPUs are the CPUs of the host that the virtual CPUs may run on; all
	// if empty.
	HostCPUs []int
	// Image is the block file that the guest finds under SerialImage; the zero
	// File is none.
	Image File
	// Disk is the writable disk that the guest finds under SerialScratch, or
	// nil for none.
	Disk *Disk
	// Volumes are further disks.
	Volumes []Volume
	// NICs are the machine's network interfaces. Their networks are there when
	// the machine is made.
	NICs []hostapi.NamedNIC

	// template is the snapshot on the host that the machine starts from; ""
	// for a cold boot.
	template string
	// savable machines become templates. In the place of Image and of Disk,
	// of which only the size counts, they have blank files.
	savable bool
}

// Volume is a disk that outlives the sandbox.
type Volume struct {
	Disk
	// Serial is where the guest finds it.
	Serial string
	// ReadOnly keeps the whole machine from writing to it.
	ReadOnly bool
}

// VolumeSerial returns the serial of the volume with that id, within the 20
// bytes that virtio-blk has for one (virtio specification 1.2, section 5.2.6.1).
func VolumeSerial(id string) string { return "vol-" + id[:min(len(id), 16)] }

// disks lists the disks that must be there before the VM is made.
func (s Spec) disks() []Disk {
	var list []Disk
	if s.Disk != nil && !s.savable {
		list = append(list, *s.Disk)
	}
	for _, v := range s.Volumes {
		list = append(list, v.Disk)
	}
	return list
}

// Disk is a writable disk. One that exists is used as it is.
type Disk struct {
	// ID is the disk's id on the host, chosen by the caller.
	ID string
	// SizeBytes is rounded up to whole blocks.
	SizeBytes int64
	// CopyOf is the id of the disk that it was made as a copy of; empty for one
	// that has begun as an empty file system, or with zeros where it is raw.
	CopyOf string
	Raw    bool
}

// blobs lists what the host must have before the disk and the VM are made.
func (a *Artefacts) blobs(spec Spec) []File {
	var list []File
	if spec.Image != (File{}) && !spec.savable {
		list = append(list, spec.Image)
	}
	for _, f := range a.bootFiles() {
		list = append(list, a.file(f))
	}
	for _, d := range spec.disks() {
		if template := a.diskTemplate(d); !slices.Contains(list, template) {
			list = append(list, template)
		}
	}
	return list
}

// diskSize is the size that d has on the host, in bytes.
func (a *Artefacts) diskSize(d Disk) int64 {
	return (max(d.SizeBytes, a.m.Scratch[0].DiskBytes) + diskBlock - 1) / diskBlock * diskBlock
}

func (a *Artefacts) diskSpec(d Disk) hostapi.DiskSpec {
	template := a.diskTemplate(d).Digest
	size := a.diskSize(d)
	if d.CopyOf != "" {
		return hostapi.DiskSpec{FromDisk: &d.CopyOf, SizeBytes: size}
	}
	if d.Raw {
		return hostapi.DiskSpec{SizeBytes: size}
	}
	return hostapi.DiskSpec{FromBlob: &template, SizeBytes: size}
}

// vmSpec tells vmmd what the VMM will open.
func (a *Artefacts) vmSpec(spec Spec) hostapi.VMSpec {
	blob := func(name, digest string) hostapi.Attachment {
		return hostapi.Attachment{Name: name, Blob: &digest, Readonly: true}
	}
	out := hostapi.VMSpec{
		Vmm: hostapi.VMMChoiceAuto, Labels: spec.Labels, MemoryBytes: spec.MemoryBytes, Vcpus: spec.VCPUs,
		HugePages: spec.HugePages, HostCpus: spec.HostCPUs,
		Attachments: []hostapi.Attachment{
			blob(attachKernel, a.m.Kernel.digest()),
			blob(attachRootfs, a.m.Rootfs.digest()),
		},
		Savable: spec.savable, Nics: spec.NICs,
	}
	if spec.template != "" {
		out.Snapshot = &spec.template
	}
	if a.m.Initrd != nil {
		out.Attachments = append(out.Attachments, blob(attachInitrd, a.m.Initrd.digest()))
	}
	out.Attachments = append(out.Attachments, a.ownAttachments(spec)...)
	for _, v := range spec.Volumes {
		out.Attachments = append(out.Attachments, hostapi.Attachment{Name: v.Serial, Disk: &v.ID, Readonly: v.ReadOnly})
	}
	return out
}

// ownAttachments are the machine's image and disk, or what holds their places.
func (a *Artefacts) ownAttachments(spec Spec) []hostapi.Attachment {
	var list []hostapi.Attachment
	if spec.Image != (File{}) {
		image := hostapi.Attachment{Name: attachImage, Readonly: true}
		if spec.savable {
			image.BlankBytes = &spec.Image.Size
		} else {
			image.Blob = &spec.Image.Digest
		}
		list = append(list, image)
	}
	if spec.Disk != nil {
		disk := hostapi.Attachment{Name: attachScratch}
		if spec.savable {
			size := a.diskSize(*spec.Disk)
			disk.BlankBytes = &size
		} else {
			disk.Disk = &spec.Disk.ID
		}
		list = append(list, disk)
	}
	return list
}

// vmConfig is the VMM's configuration, with the paths that vmmd gave. Memory
// is not shared, as no device needs it: the vsock device is the VMM's own.
func (a *Artefacts) vmConfig(spec Spec, vm hostapi.VM) chapi.VmConfig {
	off := false
	paths := vm.Paths
	cfg := chapi.VmConfig{
		Cpus: &chapi.CpusConfig{
			BootVcpus: int32(spec.VCPUs), MaxVcpus: int32(spec.VCPUs),
			Nested: &off, CoreScheduling: coreScheduling(vm), Affinity: affinity(spec),
		},
		Memory: memory(spec),
		Payload: &chapi.PayloadConfig{
			Kernel:    paths.Attachments[attachKernel],
			Initramfs: paths.Attachments[attachInitrd],
			Cmdline:   a.m.Cmdline,
		},
		Disks: []chapi.DiskConfig{
			{Id: attachRootfs, Path: paths.Attachments[attachRootfs], Readonly: true, ImageType: chapi.Raw, Serial: attachRootfs},
		},
		Rng:     &chapi.RngConfig{Src: "/dev/urandom"},
		Serial:  &chapi.SerialConfig{Mode: chapi.ConsoleModeFile, File: paths.Console},
		Console: &chapi.ConsoleConfig{Mode: chapi.ConsoleModeOff},
		Vsock:   &chapi.VsockConfig{Cid: guestCID, Socket: paths.Vsock},
		Pvpanic: true,
	}
	cfg.Disks = append(cfg.Disks, ownDisks(spec, vm)...)
	for _, nic := range vm.Nics {
		cfg.Net = append(cfg.Net, netDevice(nic))
	}
	return cfg
}

// queues is how many queues an interface has: one in each direction.
const queues = 2

// netDevice is an interface of the machine for its VMM.
func netDevice(nic hostapi.NIC) chapi.NetConfig {
	return chapi.NetConfig{Id: nic.Name, Tap: nic.Tap, Mac: nic.Spec.Mac, NumQueues: queues}
}

// ownDisks are the disks that are not every machine's.
func ownDisks(spec Spec, vm hostapi.VM) []chapi.DiskConfig {
	paths := vm.Paths
	var disks []chapi.DiskConfig
	if spec.Image != (File{}) {
		disks = append(disks, chapi.DiskConfig{
			Id: attachImage, Path: paths.Attachments[attachImage], Readonly: true, ImageType: chapi.Raw, Serial: SerialImage,
		})
	}
	if spec.Disk != nil {
		disks = append(disks, chapi.DiskConfig{
			Id: attachScratch, Path: paths.Attachments[attachScratch], ImageType: chapi.Raw, Serial: SerialScratch,
		})
	}
	for _, v := range spec.Volumes {
		disks = append(disks, chapi.DiskConfig{
			Id: v.Serial, Path: paths.Attachments[v.Serial], Readonly: v.ReadOnly, ImageType: chapi.Raw, Serial: v.Serial,
		})
	}
	return disks
}

// deviceConfig is a disk that comes to a machine which runs.
func deviceConfig(d Device, vm hostapi.VM) chapi.DiskConfig {
	return chapi.DiskConfig{
		Id: d.Serial, Path: vm.Paths.Attachments[d.Serial], Serial: d.Serial,
		Readonly: d.ReadOnly || d.Disk == nil, ImageType: chapi.Raw,
	}
}

// saveDir is where the VMM of a machine that becomes a template writes it, and
// restoreDir where that of a machine that starts from one reads it.
func saveDir(vm hostapi.VM) string    { return vm.Paths.Save }
func restoreDir(vm hostapi.VM) string { return vm.Paths.Snapshot }

// coreScheduling keeps threads of other VMs off a core that this one runs on,
// where the kernel can.
func coreScheduling(vm hostapi.VM) chapi.CoreScheduling {
	if vm.CoreScheduling {
		return chapi.CoreSchedulingVm
	}
	return chapi.CoreSchedulingOff
}

// hugePage is the size of the huge pages that the host counts, in bytes. Cloud
// Hypervisor would look for another size at /dev/hugepages, which a host need
// not have.
const hugePage = 2 << 20

func memory(spec Spec) *chapi.MemoryConfig {
	m := &chapi.MemoryConfig{Size: spec.MemoryBytes}
	if spec.HugePages {
		m.Hugepages, m.HugepageSize = true, hugePage
	}
	return m
}

// affinity lets each vCPU run on all of the CPUs that were named.
func affinity(spec Spec) []chapi.CpuAffinity {
	if len(spec.HostCPUs) == 0 {
		return nil
	}
	var cpus []int32
	for _, n := range spec.HostCPUs {
		cpus = append(cpus, int32(n))
	}
	var out []chapi.CpuAffinity
	for n := range spec.VCPUs {
		out = append(out, chapi.CpuAffinity{Vcpu: int32(n), HostCpus: cpus})
	}
	return out
}

// BootDigests lists the digests of what every guest boots from.
func (m *Manager) BootDigests() []string {
	var list []string
	for _, f := range m.artefacts.files() {
		list = append(list, f.digest())
	}
	return list
}

// Boots reports whether guests boot from the file of that digest.
func (m *Manager) Boots(digest string) bool { return slices.Contains(m.BootDigests(), digest) }
