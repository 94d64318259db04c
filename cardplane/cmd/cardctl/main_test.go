package main

import (
	"os/exec"
	"strings"
	"testing"
)

// cardctl has to start within milliseconds, and it needs nothing of a server.
func TestDependencies(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for dep := range strings.SplitSeq(string(out), "\n") {
		for _, unwanted := range []string{"kin-openapi", "go-containerregistry", "bbolt", "cardplane/httpapi", "cardplane/cardplanetest", "openapi/validate"} {
			if strings.Contains(dep, unwanted) {
				t.Errorf("cardctl links %s; import it from tests or from a server only", dep)
			}
		}
	}
}

func TestHostChecks(t *testing.T) {
	for _, c := range hostChecks(t.Context()) {
		if c.Where != "host" || c.Name == "" || c.Status == "" || c.Detail == "" {
			t.Errorf("%+v", c)
		}
	}
}
