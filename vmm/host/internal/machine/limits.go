package machine

import (
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/procs"
)

// What a VMM needs besides the guest's memory, in bytes: a fixed part, and a
// share of that memory for page tables, queues and bookkeeping.
const (
	overheadCloudHypervisor = 64 << 20
	// overheadCHQemu holds QEMU, its translated code (at most 256 MiB, see
	// chqemu) and ch-qemu itself.
	overheadCHQemu = 512 << 20
	overheadShare  = 64
)

const (
	// weightPerVCPU makes contended CPUs be shared by vCPUs.
	weightPerVCPU = 100
	maxWeight     = 10_000
	// A VMM has threads for its devices and, with io_uring, some that the
	// kernel adds; and a few for each vCPU.
	basePIDs, pidsPerVCPU = 512, 4
)

// limitsOf returns what the VM's cgroup is bound to, as the document says.
func limitsOf(spec hostapi.VMSpec, kind hostapi.VMMKind) procs.Limits {
	limits := procs.Limits{PIDs: basePIDs + pidsPerVCPU*spec.Vcpus}
	if spec.MemoryBytes > 0 {
		limits.MemoryBytes = spec.MemoryBytes + spec.MemoryBytes/overheadShare + overheadCloudHypervisor
		if kind == hostapi.VMMKindChQemu {
			limits.MemoryBytes += overheadCHQemu - overheadCloudHypervisor
		}
	}
	if spec.Vcpus > 0 {
		// One more, for the VMM's own threads.
		limits.CPUs = spec.Vcpus + 1
		limits.CPUWeight = min(weightPerVCPU*spec.Vcpus, maxWeight)
	}
	return limits
}

// limitsView returns the enforced part of limits as the document has it, nil
// if that is none.
func limitsView(l procs.Limits) *hostapi.VMLimits {
	if l == (procs.Limits{}) {
		return nil
	}
	view := &hostapi.VMLimits{}
	if l.MemoryBytes > 0 {
		view.MemoryBytes = &l.MemoryBytes
	}
	for n, field := range map[*int]**int{&l.CPUs: &view.Cpus, &l.CPUWeight: &view.CpuWeight, &l.PIDs: &view.Pids} {
		if *n > 0 {
			*field = n
		}
	}
	return view
}

// usageView returns what a VM takes as the document has it, nil where nothing
// is counted.
func usageView(u procs.Usage) *hostapi.VMUsage {
	if u == (procs.Usage{}) {
		return nil
	}
	return &hostapi.VMUsage{
		MemoryBytes: u.MemoryBytes, CpuMicroseconds: u.CPUMicroseconds,
		ReadBytes: u.ReadBytes, WrittenBytes: u.WrittenBytes,
	}
}
