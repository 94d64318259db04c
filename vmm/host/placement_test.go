package host

import (
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

func TestHostCPUs(t *testing.T) {
	if err := checkHostCPUs(nil); err != nil {
		t.Error(err)
	}
	for _, cpus := range [][]int{{-1}, {8191}, {1 << 40}} {
		if err := checkHostCPUs(cpus); !apierr.Is(err, "host_cpus_unavailable") || apierr.From(err).Field != "/hostCpus" {
			t.Errorf("%v: %v", cpus, err)
		}
	}
}

func TestHugePages(t *testing.T) {
	free, size, err := parseHugePages("MemTotal:  9 kB\nHugePages_Total:   4\nHugePages_Free:    3\nHugepagesize:    2048 kB\n")
	if free != 3 || size != 2<<20 || err != nil {
		t.Errorf("%d, %d, %v", free, size, err)
	}
	if _, _, err := parseHugePages("MemTotal:  9 kB\n"); !apierr.Is(err, "host_hugepages_exhausted") {
		t.Errorf("got %v", err)
	}
	if err := checkHugePages(hostapi.VMSpec{HugePages: true, MemoryBytes: 1 << 60}); !apierr.Is(err, "host_hugepages_exhausted") {
		t.Errorf("got %v", err)
	}
	if err := checkHugePages(hostapi.VMSpec{MemoryBytes: 1 << 60}); err != nil {
		t.Errorf("got %v", err)
	}
}
