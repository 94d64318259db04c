package cli

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/cardplane/cardplane/openapi"
)

// What cardctl refuses for the sake of the virtual machine, the API refuses for
// the same reason.
func TestReasonsAreTheAPIs(t *testing.T) {
	var document struct {
		Components struct {
			Schemas map[string]struct {
				Refused map[string]string `yaml:"x-refused"`
			} `yaml:"schemas"`
		} `yaml:"components"`
	}
	if err := yaml.Unmarshal(openapi.Cardplane, &document); err != nil {
		t.Fatal(err)
	}
	refused := document.Components.Schemas["ContainerSpec"].Refused
	reasons := map[string]string{"binds": noHostFiles}
	for _, f := range refusedFlags {
		reasons[f.name] = f.why
	}
	for field, flag := range map[string]string{
		"binds": "binds", "devices": "device", "deviceCgroupRules": "device-cgroup-rule", "deviceRequests": "gpus",
		"pidMode": "pid", "ipcMode": "ipc", "utsMode": "uts", "usernsMode": "userns", "cgroupnsMode": "cgroupns",
		"cgroupParent": "cgroup-parent", "cpuShares": "cpu-shares", "blkioWeight": "blkio-weight",
		"runtime": "runtime", "volumesFrom": "volumes-from",
	} {
		api, _, _ := strings.Cut(refused[field], "; ")
		cli, _, _ := strings.Cut(reasons[flag], "; ")
		if api == "" || api != cli {
			t.Errorf("%s: the API says %q, cardctl %q", field, api, cli)
		}
	}
}
