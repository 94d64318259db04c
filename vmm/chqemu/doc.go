// Package chqemu runs the machines of package chvmm with QEMU and its
// binary translator (TCG), for computers without usable KVM.
//
// A machine is one QEMU process, a child that dies with this one, however
// this one ends. It is driven through a QMP connection on an inherited socket,
// so there is no socket file and no waiting for one. Hardware is values:
// [argvOf] renders a configuration into a command line, and the same device
// values are rendered into QMP commands for hotplug.
//
// What Cloud Hypervisor can do and this cannot is a table, see unsupported.go;
// a configuration that asks for any of it is refused by name.
//
// The virtual machine is a q35 with one PCIe-to-PCI bridge. Every disk,
// network interface and vsock device sits behind the bridge, where ACPI
// hotplug works in both directions, at the slot that its address tells. One
// bridge costs the guest no measurable boot time; a PCIe root port per device
// costs 70 to 100 ms each under translation.
package chqemu
