// Package host is what vmmd does, as a library: it answers the host API
// (openapi/host.yaml) for one compute host.
//
// It knows VMs, blobs, disks, snapshots and networks, and nothing of what runs
// in a VM. It never calls the card: it answers and streams. What it does on the host is owned
// by the packages beneath internal, one thing each:
//
//	blob     read-only bytes by digest, received resumably
//	disk     sparse writable disks
//	snapshot what VMs have saved of themselves, for others to start from
//	machine  VMM processes: spawn, adopt, kill
//	network  bridges, taps, rules, and ports that lead into networks
//	procs    processes that are no children: names, pidfds, cgroups
//	relay    two byte streams joined in the kernel
//	tail     files that grow, followed and cut back
//	durable  files replaced whole
//
// This package resolves names between them, checks what the card sends, and
// speaks HTTP.
package host
