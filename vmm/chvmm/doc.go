// Package chvmm is Cloud Hypervisor's control side without a hypervisor: its
// REST API, its state table, its events and its API socket, over an interface
// to whatever runs the guest.
//
// Two things implement that interface: package chqemu with QEMU, and the fake
// of package vmmtest with nothing. So both behave alike in all that a client
// sees, and the conformance suite holds that against the real thing. The
// behaviour is that of version 53, read from its code.
//
// Requests are served one after another under one lock, [VMM].mu, as Cloud
// Hypervisor's control loop does, `vmm.ping` included; what the guest does by
// itself (power off, reset, give up a device) is handled under the same lock.
package chvmm
