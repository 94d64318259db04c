package host

import (
	"os"
	"path/filepath"
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
	path := filepath.Join(t.TempDir(), "free")
	for text, want := range map[string]int64{"3\n": 3, "0\n": 0, "many\n": -1} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if free, err := readHugePages(path); (err == nil) != (want >= 0) || err == nil && free != want {
			t.Errorf("%q: %d, %v", text, free, err)
		}
	}
	if _, err := readHugePages(path + ".absent"); !apierr.Is(err, "host_hugepages_exhausted") {
		t.Errorf("got %v", err)
	}
	if err := checkHugePages(hostapi.VMSpec{HugePages: true, MemoryBytes: 1 << 60}); !apierr.Is(err, "host_hugepages_exhausted") {
		t.Errorf("got %v", err)
	}
	if err := checkHugePages(hostapi.VMSpec{MemoryBytes: 1 << 60}); err != nil {
		t.Errorf("got %v", err)
	}
}
