package chvmm

import (
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/chapi"
)

func TestValidate(t *testing.T) {
	off := false
	for _, tc := range []struct {
		name string
		edit func(*chapi.VmConfig)
		want string // "" is valid
	}{
		{"plain", func(*chapi.VmConfig) {}, ""},
		{"no payload", func(c *chapi.VmConfig) { c.Payload = nil }, "No bootitem provided"},
		{"both payloads", func(c *chapi.VmConfig) { c.Payload.Firmware = "/f" }, "not supported when a firmware"},
		{"max below boot", func(c *chapi.VmConfig) { c.Cpus.BootVcpus = 2 }, "Max CPUs (1) lower than boot CPUs (2)"},
		{"too many vCPUs", func(c *chapi.VmConfig) { c.Cpus.MaxVcpus = 9000 }, "8192 is the limit"},
		{"serial file", func(c *chapi.VmConfig) { c.Serial.Mode = chapi.ConsoleModeFile }, "Path missing"},
		{"disk queues", func(c *chapi.VmConfig) { c.Disks = []chapi.DiskConfig{{NumQueues: 2}} }, "must not exceed boot vCPUs"},
		{"disk queue size", func(c *chapi.VmConfig) { c.Disks = []chapi.DiskConfig{{QueueSize: 100}} }, "power of 2"},
		{"tiny disk queue", func(c *chapi.VmConfig) { c.Disks = []chapi.DiskConfig{{QueueSize: 2}} }, "must be greater than 2"},
		{"disk serial", func(c *chapi.VmConfig) { c.Disks = []chapi.DiskConfig{{Serial: strings.Repeat("x", 21)}} }, "maximum allowed length (20)"},
		{"disk id", func(c *chapi.VmConfig) { c.Disks = []chapi.DiskConfig{{Id: "__x"}} }, "Identifier __x"},
		{"same ids", func(c *chapi.VmConfig) {
			c.Disks, c.Net = []chapi.DiskConfig{{Id: "x"}}, []chapi.NetConfig{{Id: "x"}}
		}, "is not unique"},
		{"mtu", func(c *chapi.VmConfig) { c.Net = []chapi.NetConfig{{Mtu: 100}} }, "Provided MTU 100"},
		{"net queues", func(c *chapi.VmConfig) { c.Net = []chapi.NetConfig{{NumQueues: 4}} }, "must not exceed boot vCPUs"},
		{"checksums", func(c *chapi.VmConfig) { c.Net = []chapi.NetConfig{{OffloadCsum: &off}} }, "depend on"},
		{"mask alone", func(c *chapi.VmConfig) { c.Net = []chapi.NetConfig{{Mask: "255.0.0.0"}} }, "Mask provided"},
		{"address alone", func(c *chapi.VmConfig) { c.Net = []chapi.NetConfig{{Ip: "10.0.0.1"}} }, "IP provided"},
		{"topology zero", func(c *chapi.VmConfig) { c.Cpus.Topology = &chapi.CpuTopology{} }, "can be zero"},
		{"topology product", func(c *chapi.VmConfig) {
			c.Cpus.Topology = &chapi.CpuTopology{ThreadsPerCore: 1, CoresPerDie: 2, DiesPerPackage: 1, Packages: 1}
		}, "does not match"},
		{"shared and merged", func(c *chapi.VmConfig) { c.Memory.Shared, c.Memory.Mergeable = true, true }, "'mergeable' and 'shared'"},
		{"cid", func(c *chapi.VmConfig) { c.Vsock = &chapi.VsockConfig{Cid: 2} }, "2 is a special VSOCK CID"},
		{"balloon", func(c *chapi.VmConfig) { c.Balloon = &chapi.BalloonConfig{Size: 1 << 40} }, "greater than RAM"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := &chapi.VmConfig{Payload: &chapi.PayloadConfig{Kernel: "/k"}}
			setDefaults(cfg)
			tc.edit(cfg)
			setDefaults(cfg)
			err := validate(cfg)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Fatalf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestIDs(t *testing.T) {
	cfg := &chapi.VmConfig{
		Disks: []chapi.DiskConfig{{}, {Id: "_net2"}, {}},
		Net:   []chapi.NetConfig{{}, {}},
		Vsock: &chapi.VsockConfig{},
	}
	var n ids
	n.fill(cfg)
	got := []string{cfg.Disks[0].Id, cfg.Disks[1].Id, cfg.Disks[2].Id, cfg.Net[0].Id, cfg.Net[1].Id, cfg.Vsock.Id}
	want := []string{"_disk0", "_net2", "_disk1", "_net3", "_net4", "_vsock5"}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	if !removeDevice(cfg, "_net3") || removeDevice(cfg, "_net3") || len(cfg.Net) != 1 {
		t.Fatal("removeDevice")
	}
}
