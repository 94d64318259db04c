package chqemu

import (
	"fmt"
	"net"
	"strings"

	"github.com/cardplane/cardplane/openapi/chapi"
)

const (
	// bridge is the id of the bridge, and of the bus behind it.
	bridge = "bridge"
	// lastSlot is the last slot of the bus; the first usable one is 1.
	lastSlot = 31
)

// backend is the host's side of a device: what it is on the command line and
// in QMP, and how it is taken away again.
type backend struct {
	option string // "blockdev", "netdev", "chardev"
	props  props
	add    command
	del    command
}

// command is a QMP command with its arguments.
type command struct {
	name string
	args any
}

// device is a device behind the bridge.
type device struct {
	id      string // Cloud Hypervisor's
	slot    int
	backend backend
	props   props
	// node is the block node's name of a disk, tap the name of a network
	// interface's tap; for the counters.
	node, tap string
	vsock     *chapi.VsockConfig // nil: something else
	leaving   bool               // the guest was asked to give it up
	away      *away              // while a stand-in is in its slot
}

// qdev is the device's id in QEMU, where ids must begin with a letter.
func qdev(slot int) string { return fmt.Sprintf("dev%d", slot) }

// bdf is the PCI address that the guest sees. The bridge is the only one, so
// the firmware numbers its bus 1.
func (d *device) bdf() string { return fmt.Sprintf("0000:01:%02x.0", d.slot) }

// frontend begins the properties of a virtio device at slot. Behind a
// conventional bus a device is of the old kind too unless told otherwise.
func frontend(driver string, slot int) props { return place(driver, qdev(slot), slot) }

func place(driver, id string, slot int) props {
	return props{
		{"driver", driver},
		{"id", id},
		{"bus", bridge},
		{"addr", fmt.Sprintf("0x%x", slot)},
		{"disable-legacy", "on"},
	}
}

// newDisk describes d at slot. The file is locked as Cloud Hypervisor locks
// it: shared for a read-only disk, exclusive for a writable one.
func newDisk(d chapi.DiskConfig, slot int) *device {
	node := fmt.Sprintf("disk%d", slot)
	file := props{
		{"driver", "raw"},
		{"node-name", node},
		{"read-only", d.Readonly},
		{"file.driver", "file"},
		{"file.filename", d.Path},
		{"file.locking", "on"},
		{"file.read-only", d.Readonly},
	}
	if !d.Readonly && *d.Sparse {
		file = file.set("discard", "unmap").set("file.discard", "unmap")
	}
	file = file.when(d.Direct, "cache.direct", true).when(d.Direct, "file.cache.direct", true)
	return &device{
		id:   d.Id,
		slot: slot,
		backend: backend{
			option: "blockdev",
			props:  file,
			add:    command{"blockdev-add", file.object()},
			del:    command{"blockdev-del", map[string]any{"node-name": node}},
		},
		props: frontend("virtio-blk-pci", slot).
			set("drive", node).
			set("num-queues", d.NumQueues).
			set("queue-size", d.QueueSize).
			when(d.Serial != "", "serial", d.Serial),
		node: node,
	}
}

// newNet describes n, an existing tap, at slot.
func newNet(n chapi.NetConfig, slot int) *device {
	id := fmt.Sprintf("net%d", slot)
	tap := props{
		{"type", "tap"},
		{"id", id},
		{"ifname", n.Tap},
		{"script", "no"},
		{"downscript", "no"},
	}
	nic := frontend("virtio-net-pci", slot).
		set("netdev", id).
		set("mac", strings.ToLower(n.Mac)).
		when(n.Mtu != 0, "host_mtu", n.Mtu)
	if mtu := tapMTU(n.Tap); n.Mtu == 0 && mtu != 0 {
		nic = nic.set("host_mtu", mtu)
	}
	for _, each := range []struct {
		on       bool
		features []string
	}{
		{*n.OffloadTso, []string{"guest_tso4", "guest_tso6", "host_tso4", "host_tso6"}},
		{*n.OffloadUfo, []string{"guest_ufo", "host_ufo"}},
		{*n.OffloadCsum, []string{"csum", "guest_csum"}},
	} {
		for _, feature := range each.features {
			nic = nic.when(!each.on, feature, false)
		}
	}
	return &device{
		id:   n.Id,
		slot: slot,
		backend: backend{
			option: "netdev",
			props:  tap,
			add:    command{"netdev_add", tap.object()},
			del:    command{"netdev_del", map[string]any{"id": id}},
		},
		props: nic,
		tap:   n.Tap,
	}
}

// tapMTU returns the MTU of a tap, 0 where there is none. Cloud Hypervisor
// tells its guests that one too.
func tapMTU(name string) int {
	tap, err := net.InterfaceByName(name)
	if err != nil {
		return 0
	}
	return tap.MTU
}

// newVsock describes v at slot, served by a vhost-user back-end on the socket
// at path.
func newVsock(v chapi.VsockConfig, path string, slot int) *device {
	id := fmt.Sprintf("vsock%d", slot)
	return &device{
		id:   v.Id,
		slot: slot,
		backend: backend{
			option: "chardev",
			props:  props{{"backend", "socket"}, {"id", id}, {"path", path}},
			add: command{"chardev-add", map[string]any{"id": id, "backend": map[string]any{
				"type": "socket",
				"data": map[string]any{
					"server": false,
					"addr":   map[string]any{"type": "unix", "data": map[string]any{"path": path}},
				},
			}}},
			del: command{"chardev-remove", map[string]any{"id": id}},
		},
		props: frontend("vhost-user-vsock-pci", slot).set("chardev", id),
		vsock: &v,
	}
}

// vhostSocket is where QEMU meets the vsock back-end, beside the socket that
// the configuration names, in the VM's own directory.
func vhostSocket(v chapi.VsockConfig) string { return v.Socket + ".vhost" }
