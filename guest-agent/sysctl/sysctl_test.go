package sysctl_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cardplane/cardplane/guest-agent/sysctl"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func TestSetParameters(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "vm", "max_map_count")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	kernel := sysctl.Dir(dir)
	if err := kernel.SetParameters(map[string]string{"vm.max_map_count": "262144"}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "262144" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, name := range []string{"vm.no_such_thing", "vm", "", "..passwd", "vm./max_map_count", "/etc/passwd"} {
		if err := kernel.SetParameters(map[string]string{name: "1"}); !apierr.Is(err, "invalid_sysctl") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
