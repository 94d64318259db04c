// Package vhosttest is the other side of a vhost-user-vsock device, for tests
// without a virtual machine: what QEMU does, and what a guest's driver does.
//
//   - [FrontEnd] speaks vhost-user as a front-end.
//   - [Memory] is guest memory in a memfd; [Queue] is the driver side of a
//     virtqueue in it.
//   - [Driver] joins them to a virtio-vsock driver that sends and receives
//     single packets, well-formed or not.
//   - [Guest] has connections: Dial, Listen, Read, Write, CloseWrite. It
//     reports a device that breaks the protocol, for instance by sending more
//     than it has credit for.
package vhosttest
