package chvmm

import (
	"fmt"
	"math"
	"math/bits"
	"strings"

	"github.com/cardplane/cardplane/openapi/chapi"
)

const (
	maxVCPUs        = 8192
	maxSerialLength = 20
	minBlockQueue   = 2
	maxVirtioQueue  = 32768
	minMTU          = 1280
	specialCID      = math.MaxUint32
)

// validate applies the rules that Cloud Hypervisor checks at boot and before
// every hotplug, in its words and its order, for what the document describes.
func validate(cfg *chapi.VmConfig) error {
	for _, check := range []func(*chapi.VmConfig) error{
		validatePayload, validateConsoles, validateCPUs, validateDisks, validateNets,
		validateTopology, validateMemory, validateVsock, validateBalloon, validateIDs,
	} {
		if err := check(cfg); err != nil {
			return NewFault("Failed to validate config", err)
		}
	}
	return nil
}

func validatePayload(cfg *chapi.VmConfig) error {
	p := cfg.Payload
	switch {
	case p == nil || p.Kernel == "" && p.Firmware == "":
		return NewFault("Payload configuration is not bootable", &Fault{Text: "No bootitem provided: neither firmware nor kernel"})
	case p.Kernel != "" && p.Firmware != "":
		return NewFault("Payload configuration is not bootable", &Fault{Text: "Specifying a kernel is not supported when a firmware is provided"})
	}
	return nil
}

func validateConsoles(cfg *chapi.VmConfig) error {
	if cfg.Console.Mode == chapi.ConsoleModeFile && cfg.Console.File == "" ||
		cfg.Serial.Mode == chapi.ConsoleModeFile && cfg.Serial.File == "" {
		return &Fault{Text: "Path missing when using file console mode"}
	}
	if cfg.Serial.Mode == chapi.ConsoleModeSocket && cfg.Serial.Socket == "" {
		return &Fault{Text: "Path missing when using socket console mode"}
	}
	return nil
}

func validateCPUs(cfg *chapi.VmConfig) error {
	c := cfg.Cpus
	if c.MaxVcpus < c.BootVcpus {
		return faultf("Max CPUs (%d) lower than boot CPUs (%d)", c.MaxVcpus, c.BootVcpus)
	}
	if c.MaxVcpus > maxVCPUs {
		return faultf("Too many CPUs: specified %d but %d is the limit", c.MaxVcpus, maxVCPUs)
	}
	return nil
}

func validateDisks(cfg *chapi.VmConfig) error {
	for _, d := range cfg.Disks {
		switch {
		case d.VhostSocket != "" && d.Path != "":
			return faultf("Disk path and vhost socket both provided")
		case d.VhostUser && d.VhostSocket == "":
			return faultf("No socket provided when using vhost-user")
		case d.NumQueues > cfg.Cpus.BootVcpus:
			return faultf("Queue count (%d) must not exceed boot vCPUs (%d)", d.NumQueues, cfg.Cpus.BootVcpus)
		case d.QueueSize <= minBlockQueue:
			return faultf("Block queue size must be greater than %d: %d", minBlockQueue, d.QueueSize)
		case !validQueue(d.QueueSize):
			return faultf("Queue size must be a power of 2 no greater than %d: %d", maxVirtioQueue, d.QueueSize)
		case len(d.Serial) > maxSerialLength:
			return faultf("Block device serial length (%d) exceeds maximum allowed length (%d)", len(d.Serial), maxSerialLength)
		}
	}
	return nil
}

func validateNets(cfg *chapi.VmConfig) error {
	for _, n := range cfg.Net {
		switch {
		case n.NumQueues < 2:
			return faultf("Number of queues (%d) to virtio_net should be higher than 2", n.NumQueues)
		case n.NumQueues/2 > cfg.Cpus.BootVcpus:
			return faultf("Queue count (%d) must not exceed boot vCPUs (%d)", n.NumQueues/2, cfg.Cpus.BootVcpus)
		case !validQueue(n.QueueSize):
			return faultf("Queue size must be a power of 2 no greater than %d: %d", maxVirtioQueue, n.QueueSize)
		case n.Mtu != 0 && n.Mtu < minMTU:
			return faultf("Provided MTU %d is lower than 1280 (expected by VIRTIO specification)", n.Mtu)
		case !*n.OffloadCsum && (*n.OffloadTso || *n.OffloadUfo):
			return faultf("\"offload_tso\" and \"offload_ufo\" depend on \"offload_csum\"")
		case n.Ip == "" && n.Mask != "":
			return faultf("Mask provided without an IP")
		case n.Ip != "" && n.Mask == "":
			return faultf("IP provided without a mask")
		}
	}
	return nil
}

func validQueue(size int32) bool {
	return size > 0 && size <= maxVirtioQueue && bits.OnesCount32(uint32(size)) == 1
}

func validateTopology(cfg *chapi.VmConfig) error {
	t := cfg.Cpus.Topology
	if t == nil {
		return nil
	}
	product := int64(t.ThreadsPerCore) * int64(t.CoresPerDie) * int64(t.DiesPerPackage) * int64(t.Packages)
	switch {
	case t.ThreadsPerCore == 0 || t.CoresPerDie == 0 || t.DiesPerPackage == 0 || t.Packages == 0:
		return faultf("No part of the CPU topology can be zero")
	case t.ThreadsPerCore > 2:
		return faultf("CPU topology supports at most 2 threads per core")
	case product != int64(cfg.Cpus.MaxVcpus):
		return faultf("Product of CPU topology parts does not match maximum vCPU")
	}
	return nil
}

func validateMemory(cfg *chapi.VmConfig) error {
	m := cfg.Memory
	switch {
	case m.HugepageSize != 0 && !m.Hugepages:
		return faultf("Huge page size specified but huge pages not enabled")
	case m.HugepageSize != 0 && bits.OnesCount64(uint64(m.HugepageSize)) != 1:
		return faultf("Huge page size is not power of 2: %d", m.HugepageSize)
	case m.Shared && m.Mergeable:
		return faultf("Invalid to set both 'mergeable' and 'shared' for memory")
	}
	return nil
}

func validateVsock(cfg *chapi.VmConfig) error {
	if cfg.Vsock == nil {
		return nil
	}
	switch cfg.Vsock.Cid {
	case 0, 1, 2, specialCID:
		return faultf("%d is a special VSOCK CID", cfg.Vsock.Cid)
	}
	return nil
}

func validateBalloon(cfg *chapi.VmConfig) error {
	if b := cfg.Balloon; b != nil && b.Size >= cfg.Memory.Size {
		return faultf("Balloon size (%d) greater than RAM (%d)", b.Size, cfg.Memory.Size)
	}
	return nil
}

func validateIDs(cfg *chapi.VmConfig) error {
	seen := map[string]bool{}
	check := func(id string) error {
		switch {
		case strings.HasPrefix(id, "__"):
			return faultf("Identifier %s is not invalid", id)
		case id != "" && seen[id]:
			return faultf("Identifier %s is not unique", id)
		}
		seen[id] = true
		return nil
	}
	for _, id := range DeviceIDs(cfg) {
		if err := check(id); err != nil {
			return err
		}
	}
	return nil
}

// DeviceIDs lists the identifiers of the devices that cfg names, empty where
// one has none: disks, network devices, the vsock device.
func DeviceIDs(cfg *chapi.VmConfig) []string {
	var ids []string
	for _, d := range cfg.Disks {
		ids = append(ids, d.Id)
	}
	for _, n := range cfg.Net {
		ids = append(ids, n.Id)
	}
	if cfg.Vsock != nil {
		ids = append(ids, cfg.Vsock.Id)
	}
	return ids
}

func faultf(format string, args ...any) error { return &Fault{Text: fmt.Sprintf(format, args...)} }
