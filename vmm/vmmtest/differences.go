package vmmtest

// Difference is a way in which a VMM is known not to do as Cloud Hypervisor
// v53 does, in one place so that the list is whole.
type Difference struct {
	// Case is the case that is left out for it; empty where none is.
	Case string
	// What the VMM does instead, and Why.
	What, Why string
}

// String returns the difference as one line.
func (d Difference) String() string {
	text := d.What + " (" + d.Why + ")"
	if d.Case != "" {
		text = d.Case + ": " + text
	}
	return text
}

// OfChQEMU are the differences of ch-qemu.
var OfChQEMU = []Difference{
	{"SnapshotKeepsConnections", "vm.snapshot ends the vsock connections, and vsock comes back a moment after vm.resume", "QEMU cannot save a vhost-user-vsock device, so it is taken out while the VM is paused"},
	{"", "the events virtio-device:activated and :reset are not sent", "QEMU does not tell"},
	{"", "vm.counters has no latencies", "QEMU has only sums"},
	{"", "PCI addresses are on bus 1, 0000:01:01.0", "the devices are behind one bridge, because q35's root bus has no hotplug"},
	{"", "vm.info's device_tree has disks, network interfaces and vsock only", "the rest cannot be removed"},
	{"", "image_type must be sent and be Raw", "formats are not detected, on purpose"},
	{"VCPUs", "vm.resize of desired_vcpus is refused while the VM runs", "Linux uses no CPU that is plugged in later unless it knows its hypervisor, and it does not know the translator"},
	{"VCPUsPending", "as VCPUs", "as VCPUs"},
	{"", "vm.snapshot is refused while the guest has yet to give up a removed device", "the machine still has what its configuration has not"},
	{"", "a second vm.snapshot during one pause is refused", "QEMU saves a paused machine once"},
	{"", "vm.restore's memory_restore_mode OnDemand is refused", "memory is read before the guest runs"},
	{"", "a boot that fails half way leaves no VM", "Cloud Hypervisor may keep one; delete before the next boot in any case"},
}

// OfFake are the differences of [Fake].
var OfFake = []Difference{
	{"StaleSocket", "ends in order when it is killed", "a goroutine cannot be killed"},
	{"StaleVsock", "ends in order when it is killed", "a goroutine cannot be killed"},
	{"Killed", "ends in order when it is killed", "a goroutine cannot be killed"},
}

// difference returns the difference for which a case is left out.
func (s Subject) difference(name string) (Difference, bool) {
	for _, d := range s.Differences {
		if d.Case == name {
			return d, true
		}
	}
	return Difference{}, false
}
