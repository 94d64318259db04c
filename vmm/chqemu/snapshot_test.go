package chqemu

import (
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/chapi"
)

// savedConfig is a configuration with a device of each kind.
func savedConfig() *chapi.VmConfig {
	cfg := filledConfig()
	cfg.Disks = []chapi.DiskConfig{{Id: "d", Path: "/d", ImageType: chapi.Raw, Sparse: ptr(true)}}
	cfg.Net = nil
	cfg.Vsock = &chapi.VsockConfig{Id: "v", Cid: 3, Socket: "/v"}
	return cfg
}

func TestParseState(t *testing.T) {
	const good = `{"writer":"ch-qemu 2","qemu":"10.0.2","vcpus":1,"boot_memory":4096,"added_memory":[4096],"slots":{"d":4,"v":2}}`
	state, err := parseState([]byte(good), savedConfig())
	if err != nil || state.Slots["d"] != 4 || state.BootMemory != 4096 {
		t.Fatalf("%+v %v", state, err)
	}
	for _, tc := range []struct{ old, now, want string }{
		{`"ch-qemu 2"`, `"other"`, "written by"},
		{`"vcpus":1`, `"vcpus":2`, "2 vCPUs"},
		{`"boot_memory":4096`, `"boot_memory":0`, "no memory"},
		{`[4096]`, `[-1]`, "no memory"},
		{`"d":4`, `"e":4`, "keep their ids"},
		{`"d":4`, `"d":2`, "keep their ids"},
		{`"d":4`, `"d":32`, "keep their ids"},
		{`"d":4`, `"d":4,"x":5`, "3 devices"},
	} {
		if _, err := parseState([]byte(strings.Replace(good, tc.old, tc.now, 1)), savedConfig()); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("with %s: %v, want %q", tc.now, err, tc.want)
		}
	}
}

func FuzzParseState(f *testing.F) {
	f.Add([]byte(`{"writer":"ch-qemu 2","vcpus":1,"boot_memory":4096,"added_memory":[4096],"slots":{"d":4,"v":2}}`))
	f.Add([]byte(`{"slots":null}`))
	cfg := savedConfig()
	f.Fuzz(func(t *testing.T, text []byte) {
		state, err := parseState(text, cfg)
		if err != nil {
			return
		}
		inv := &invocation{}
		inv.memory(cfg, state)
		inv.plug(cfg, state)
		for _, d := range inv.devices {
			if d.slot < 1 || d.slot > lastSlot {
				t.Fatalf("device %s in slot %d", d.id, d.slot)
			}
		}
	})
}
