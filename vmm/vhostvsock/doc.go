// Package vhostvsock is a vhost-user-vsock device: it gives a QEMU guest vsock
// sockets whose host side are UNIX sockets, with the protocol of Cloud
// Hypervisor (and Firecracker), so that no host kernel module is needed.
package vhostvsock
