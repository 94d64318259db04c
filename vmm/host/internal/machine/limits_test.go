package machine

import (
	"testing"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/procs"
)

func TestLimitsOf(t *testing.T) {
	const mib = 1 << 20
	for kind, memory := range map[hostapi.VMMKind]int64{
		hostapi.VMMKindCloudHypervisor: (256 + 4 + 64) * mib, hostapi.VMMKindChQemu: (256 + 4 + 512) * mib,
	} {
		got := limitsOf(hostapi.VMSpec{MemoryBytes: 256 * mib, Vcpus: 2}, kind)
		if want := (procs.Limits{MemoryBytes: memory, CPUs: 3, CPUWeight: 200, PIDs: 520}); got != want {
			t.Errorf("%s: %+v, want %+v", kind, got, want)
		}
	}
	if got := limitsOf(hostapi.VMSpec{}, hostapi.VMMKindChQemu); got != (procs.Limits{PIDs: 512}) {
		t.Errorf("unsaid: %+v", got)
	}
	if got := limitsOf(hostapi.VMSpec{Vcpus: 500}, hostapi.VMMKindChQemu); got.CPUWeight != 10000 {
		t.Errorf("many vCPUs: %+v", got)
	}
	view := limitsView(procs.Limits{PIDs: 512})
	if view == nil || view.Pids == nil || *view.Pids != 512 || view.MemoryBytes != nil || view.Cpus != nil {
		t.Errorf("view: %+v", view)
	}
	if limitsView(procs.Limits{}) != nil || usageView(procs.Usage{}) != nil {
		t.Error("nothing is told as something")
	}
}
