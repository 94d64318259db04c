// Package vmmtest holds the conformance suite for VMM processes, and a fake.
//
// [Run] puts a [Subject] through everything that Cardplane relies on: status
// codes and error bodies, the state table, exact sequences of events, exit
// codes, sockets and files left behind, and what guests do by themselves. It
// is run on a real cloud-hypervisor where there is one and KVM is usable, on
// ch-qemu with real guests, and on [Fake], which other packages use in place
// of a VMM. What a subject does differently is listed by name in its
// Deviations, with the reason.
//
// The suite waits for events and for bytes, never for time to pass.
package vmmtest
