package chvmm

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/cardplane/cardplane/openapi/chapi"
)

// Defaults that Cloud Hypervisor fills in.
const (
	defaultMemory     = 512 << 20
	defaultPhysBits   = 46
	defaultRNG        = "/dev/urandom"
	defaultDiskQueues = 1
	defaultDiskQueue  = 128
	defaultNetQueues  = 2
	defaultNetQueue   = 256
)

// clone returns a deep copy of cfg.
func clone(cfg *chapi.VmConfig) *chapi.VmConfig {
	text, err := json.Marshal(cfg)
	if err != nil {
		panic("chvmm: a configuration that came from JSON does not encode: " + err.Error())
	}
	var out chapi.VmConfig
	if err := json.Unmarshal(text, &out); err != nil {
		panic("chvmm: a configuration does not decode again: " + err.Error())
	}
	return &out
}

// setDefaults fills in what the client omitted, at the time it is decoded as
// the real VMM does, so that vm.info shows it.
func setDefaults(cfg *chapi.VmConfig) {
	setDefault(&cfg.Cpus, chapi.CpusConfig{BootVcpus: 1, MaxVcpus: 1})
	setDefault(&cfg.Memory, chapi.MemoryConfig{Size: defaultMemory})
	setDefault(&cfg.Rng, chapi.RngConfig{Src: defaultRNG})
	setDefault(&cfg.Serial, chapi.SerialConfig{Mode: chapi.ConsoleModeNull})
	setDefault(&cfg.Console, chapi.ConsoleConfig{Mode: chapi.ConsoleModeTty})
	setDefault(&cfg.Cpus.Nested, true)
	setDefault(&cfg.Memory.Thp, true)
	orDefault(&cfg.Cpus.MaxPhysBits, defaultPhysBits)
	orDefault(&cfg.Cpus.CoreScheduling, chapi.CoreSchedulingVm)
	orDefault(&cfg.Memory.HotplugMethod, chapi.Acpi)
	for i := range cfg.Disks {
		setDiskDefaults(&cfg.Disks[i])
	}
	for i := range cfg.Net {
		setNetDefaults(&cfg.Net[i])
	}
}

func setDiskDefaults(d *chapi.DiskConfig) {
	orDefault(&d.NumQueues, defaultDiskQueues)
	orDefault(&d.QueueSize, defaultDiskQueue)
	orDefault(&d.ImageType, chapi.Unknown)
	setDefault(&d.Sparse, true)
}

func setNetDefaults(n *chapi.NetConfig) {
	orDefault(&n.NumQueues, defaultNetQueues)
	orDefault(&n.QueueSize, defaultNetQueue)
	if n.Mac == "" {
		n.Mac = randomMAC()
	}
	setDefault(&n.OffloadTso, true)
	setDefault(&n.OffloadUfo, true)
	setDefault(&n.OffloadCsum, true)
}

// setDefault makes *p point to value where it is nil.
func setDefault[T any](p **T, value T) {
	if *p == nil {
		*p = &value
	}
}

// orDefault sets *p to value where it is zero.
func orDefault[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

// randomMAC returns a locally administered unicast address.
func randomMAC() string {
	mac := make(net.HardwareAddr, 6)
	_, _ = rand.Read(mac) // never fails, see crypto/rand
	mac[0] = mac[0]&0xfe | 0x02
	return mac.String()
}

// ids hands out device ids as Cloud Hypervisor does: one counter for all
// kinds of device, leaving out the ids that are taken.
type ids struct{ next int }

// fill gives every device of cfg an id that has none.
func (n *ids) fill(cfg *chapi.VmConfig) {
	taken := deviceIDs(cfg)
	for i := range cfg.Disks {
		n.assign(taken, &cfg.Disks[i].Id, "_disk")
	}
	for i := range cfg.Net {
		n.assign(taken, &cfg.Net[i].Id, "_net")
	}
	if cfg.Vsock != nil {
		n.assign(taken, &cfg.Vsock.Id, "_vsock")
	}
}

func (n *ids) assign(taken map[string]bool, id *string, prefix string) {
	for *id == "" {
		name := prefix + strconv.Itoa(n.next)
		n.next++
		if !taken[name] {
			*id = name
		}
	}
	taken[*id] = true
}

// deviceIDs returns the ids that cfg names.
func deviceIDs(cfg *chapi.VmConfig) map[string]bool {
	taken := map[string]bool{}
	for _, d := range cfg.Disks {
		taken[d.Id] = true
	}
	for _, n := range cfg.Net {
		taken[n.Id] = true
	}
	if cfg.Vsock != nil {
		taken[cfg.Vsock.Id] = true
	}
	delete(taken, "")
	return taken
}

// removeDevice takes the device out of cfg and reports whether it was there.
func removeDevice(cfg *chapi.VmConfig, id string) bool {
	for i, d := range cfg.Disks {
		if d.Id == id {
			cfg.Disks = append(cfg.Disks[:i], cfg.Disks[i+1:]...)
			return true
		}
	}
	for i, n := range cfg.Net {
		if n.Id == id {
			cfg.Net = append(cfg.Net[:i], cfg.Net[i+1:]...)
			return true
		}
	}
	if cfg.Vsock != nil && cfg.Vsock.Id == id {
		cfg.Vsock = nil
		return true
	}
	return false
}

// checkMAC accepts what Cloud Hypervisor takes as a MAC address; it checks so
// when it decodes JSON.
func checkMAC(text string) error {
	mac, err := net.ParseMAC(text)
	if err != nil || len(mac) != 6 || strings.Count(text, ":") != 5 {
		return fmt.Errorf("invalid MAC address %q", text)
	}
	return nil
}
