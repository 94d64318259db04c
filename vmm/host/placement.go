package host

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/confine"
)

// checkHostCPUs refuses CPUs that this process, and so a VMM, may not use.
func checkHostCPUs(cpus []int) error {
	if len(cpus) == 0 {
		return nil
	}
	var usable unix.CPUSet
	if err := unix.SchedGetaffinity(0, &usable); err != nil {
		return fmt.Errorf("read the host's CPUs: %w", err)
	}
	for _, n := range cpus {
		if n < 0 || !usable.IsSet(n) {
			return apierr.New(apierr.InvalidArgument, "host_cpus_unavailable",
				"CPU %d is none that VMs may use on this host; name some of the %d that cat /sys/devices/system/cpu/online tells", n, usable.Count()).At("/hostCpus")
		}
	}
	return nil
}

// HugePageSize is the size of the huge pages that VMs get, in bytes.
const HugePageSize = 2 << 20

// hugePagesFree tells how many huge pages of HugePageSize are free.
const hugePagesFree = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"

// checkHugePages refuses a VM for whose memory the host has too few free huge
// pages now.
func checkHugePages(spec hostapi.VMSpec) error {
	if !spec.HugePages {
		return nil
	}
	free, err := HugePages()
	if err != nil {
		return err
	}
	need := (spec.MemoryBytes + HugePageSize - 1) / HugePageSize
	if need > free {
		return apierr.New(apierr.ResourceExhausted, "host_hugepages_exhausted",
			"%d bytes of memory take %d huge pages of %d bytes and the host has %d free; raise vm.nr_hugepages with sysctl on the host, ask for less memory, or do without huge pages",
			spec.MemoryBytes, need, HugePageSize, free).At("/hugePages")
	}
	return nil
}

// HugePages returns how many huge pages of HugePageSize are free on this host.
func HugePages() (int64, error) { return readHugePages(hugePagesFree) }

func readHugePages(path string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, apierr.New(apierr.NotSupported, "host_hugepages_exhausted",
			"this host's kernel has no huge pages of %d bytes (CONFIG_HUGETLBFS); do without them: %w", HugePageSize, err).At("/hugePages")
	}
	free, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return free, nil
}

// coreScheduling reports whether a VMM of this host can have a cookie for core
// scheduling: the kernel has it, there are cores with several threads, and
// nothing around this process forbids it.
func coreScheduling() bool {
	return confine.OnThread(func() error {
		return unix.Prctl(unix.PR_SCHED_CORE, unix.PR_SCHED_CORE_CREATE, 0, unix.PR_SCHED_CORE_SCOPE_THREAD, 0)
	}) == nil
}
