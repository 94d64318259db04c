package chqemu

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm/chvmm"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func ptr[T any](v T) *T { return &v }

// filledConfig has every default, as a Platform gets it.
func filledConfig() *chapi.VmConfig {
	return &chapi.VmConfig{
		Cpus:    &chapi.CpusConfig{BootVcpus: 1, MaxVcpus: 1, Nested: ptr(false)},
		Memory:  &chapi.MemoryConfig{Size: 256 << 20, Thp: ptr(true)},
		Payload: &chapi.PayloadConfig{Kernel: "/srv/vmlinux", Cmdline: "console=ttyS0 root=/dev/vda ro"},
		Rng:     &chapi.RngConfig{Src: "/dev/urandom"},
		Serial:  &chapi.SerialConfig{Mode: chapi.ConsoleModeNull},
		Console: &chapi.ConsoleConfig{Mode: chapi.ConsoleModeOff},
	}
}

func fullConfig() *chapi.VmConfig {
	cfg := filledConfig()
	cfg.Cpus = &chapi.CpusConfig{BootVcpus: 2, MaxVcpus: 4, Nested: ptr(true), Topology: &chapi.CpuTopology{ThreadsPerCore: 1, CoresPerDie: 2, DiesPerPackage: 1, Packages: 2}}
	cfg.Memory.Prefault = true
	cfg.Payload.Initramfs = "/srv/initrd"
	cfg.Serial = &chapi.SerialConfig{Mode: chapi.ConsoleModeFile, File: "/run/serial"}
	cfg.Console = &chapi.ConsoleConfig{Mode: chapi.ConsoleModeFile, File: "/run/console"}
	cfg.Balloon = &chapi.BalloonConfig{Size: 1 << 20, DeflateOnOom: true}
	cfg.Pvpanic = true
	cfg.Platform = &chapi.PlatformConfig{SystemSerialNumber: "s,1", SystemUuid: "0b2a", ChassisAssetTag: "tag", OemStrings: []string{"a=b", "c,d"}}
	cfg.Disks = []chapi.DiskConfig{
		{Id: "_disk0", Path: "/srv/root.erofs", Readonly: true, ImageType: chapi.Raw, NumQueues: 1, QueueSize: 128, Serial: "root", Sparse: ptr(true)},
		{Id: "data", Path: "/srv/a,b.raw", Direct: true, ImageType: chapi.Raw, NumQueues: 2, QueueSize: 64, Sparse: ptr(true)},
	}
	cfg.Net = []chapi.NetConfig{{Id: "_net1", Tap: "cp0", Mac: "02:00:00:00:00:0A", Mtu: 1400, NumQueues: 2, QueueSize: 256, OffloadTso: ptr(false), OffloadUfo: ptr(true), OffloadCsum: ptr(true)}}
	cfg.Vsock = &chapi.VsockConfig{Id: "_vsock2", Cid: 3, Socket: "/run/vm/vsock"}
	return cfg
}

func resizableConfig(method chapi.MemoryConfigHotplugMethod) *chapi.VmConfig {
	cfg := savedConfig()
	cfg.Memory.HotplugMethod, cfg.Memory.HotplugSize = method, 512<<20
	if method == chapi.VirtioMem {
		cfg.Memory.HotpluggedSize = 128 << 20
	}
	return cfg
}

func ttyConfig() *chapi.VmConfig {
	cfg := filledConfig()
	cfg.Serial.Mode, cfg.Console.Mode = chapi.ConsoleModeTty, chapi.ConsoleModeTty
	return cfg
}

// The golden files are command lines, one option a line; `go test -update`
// rewrites them.
func TestArgv(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for _, tc := range []struct {
		name    string
		cfg     *chapi.VmConfig
		sandbox bool
		saved   *savedState
	}{
		{"minimal", filledConfig(), true, nil},
		{"full", fullConfig(), false, nil},
		{"tty", ttyConfig(), true, nil},
		{"resizable", resizableConfig(chapi.VirtioMem), true, nil},
		{"restored", resizableConfig(chapi.Acpi), true, &savedState{
			VCPUs: 1, BootMemory: 128 << 20, AddedMemory: []int64{128 << 20}, Slots: map[string]int{"d": 4, "v": 2}, prefault: true,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := check(tc.cfg); err != nil {
				t.Fatalf("not supported: %v", err)
			}
			inv := argvOf(tc.cfg, chvmm.Consoles{Serial: file, Console: file}, file, tc.sandbox, tc.saved)
			got := strings.ReplaceAll(strings.Join(inv.args, "\n"), "\n-", "\x00-")
			got = strings.ReplaceAll(got, "\n", " ")
			golden(t, tc.name+".argv", strings.ReplaceAll(got, "\x00", "\n")+"\n")
		})
	}
}

// Hotplug sends the same values through QMP, where types matter.
func TestHotplugArguments(t *testing.T) {
	cfg := fullConfig()
	var out strings.Builder
	for _, d := range []*device{
		newDisk(cfg.Disks[0], 1), newDisk(cfg.Disks[1], 2), newNet(cfg.Net[0], 3), newVsock(*cfg.Vsock, vhostSocket(*cfg.Vsock), 4),
	} {
		for _, c := range []command{d.backend.add, {"device_add", d.props.object()}, d.backend.del} {
			text, err := json.Marshal(c.args)
			if err != nil {
				t.Fatal(err)
			}
			out.WriteString(c.name + " " + string(text) + "\n")
		}
	}
	golden(t, "hotplug.qmp", out.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; if that is intended, run go test -update\ngot:\n%s", path, got)
	}
}

func TestUnsupported(t *testing.T) {
	for _, tc := range []struct {
		feature string
		edit    func(*chapi.VmConfig)
	}{
		{"payload.firmware", func(c *chapi.VmConfig) { c.Payload.Firmware = "/f" }},
		{"fs", func(c *chapi.VmConfig) { c.Fs = chapi.Undriven{{"tag": "x"}} }},
		{"watchdog", func(c *chapi.VmConfig) { c.Watchdog = true }},
		{"serial.mode Pty", func(c *chapi.VmConfig) { c.Serial.Mode = chapi.ConsoleModePty }},
		{"disks[].image_type", func(c *chapi.VmConfig) { c.Disks = []chapi.DiskConfig{{ImageType: chapi.Qcow2}} }},
		{"disks[].vhost_user", func(c *chapi.VmConfig) { c.Disks = []chapi.DiskConfig{{ImageType: chapi.Raw, VhostUser: true}} }},
		{"net[].tap", func(c *chapi.VmConfig) { c.Net = []chapi.NetConfig{{NumQueues: 2}} }},
		{"net[].num_queues", func(c *chapi.VmConfig) { c.Net = []chapi.NetConfig{{Tap: "x", NumQueues: 4}} }},
		{"debug_console", func(c *chapi.VmConfig) { c.DebugConsole = chapi.UndrivenObject{"mode": "Tty"} }},
		{"more than 31 devices", func(c *chapi.VmConfig) {
			for range 32 {
				c.Disks = append(c.Disks, chapi.DiskConfig{ImageType: chapi.Raw})
			}
		}},
	} {
		cfg := filledConfig()
		tc.edit(cfg)
		err, ok := check(cfg).(*chvmm.NotSupported)
		if !ok || err.Feature != tc.feature {
			t.Errorf("%s: got %v", tc.feature, err)
		}
	}
	cfg := filledConfig()
	cfg.DebugConsole = chapi.UndrivenObject{"mode": "Off"}
	if err := check(cfg); err != nil {
		t.Errorf("a debug console that is off: %v", err)
	}
	for _, row := range unsupportedTable {
		if row.asked(filledConfig()) {
			t.Errorf("%s is asked for by nothing", row.feature)
		}
	}
}

func TestShell(t *testing.T) {
	if got := shell("qemu", []string{"-append", "a b='c'", "-m", "1B"}); got != `qemu -append 'a b='\''c'\''' -m 1B` {
		t.Fatal(got)
	}
}

func TestTapCounters(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "cp0", "statistics")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"tx_bytes": "1", "tx_packets": "2", "rx_bytes": "3", "rx_packets": "4"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := tapCounters(root, "cp0")
	if err != nil || got["rx_bytes"] != 1 || got["rx_frames"] != 2 || got["tx_bytes"] != 3 || got["tx_frames"] != 4 {
		t.Fatalf("%v %v", got, err)
	}
	if _, err := tapCounters(root, "cp1"); err == nil {
		t.Fatal("a tap that does not exist has counters")
	}
}
