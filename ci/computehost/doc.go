// Package computehost boots a compute host as a virtual machine of its own:
// vmmd and the real Cloud Hypervisor on a real /dev/kvm, on any machine that
// runs QEMU. The card stays outside, so this is Cardplane's true shape of two
// machines with a link between them.
//
//	this process                     QEMU
//	 vhostvsock.Device ── vhost-user ── virtio-vsock of the host
//	   └ <dir>/vsock                      ├ port 1024  vmmd: the link
//	      hybrid-vsock socket             └ port 1025  hostctl: commands of tests
//
// QEMU's translator emulates AMD's SVM, so the host's kernel has a working
// /dev/kvm also where the machine has none; where the machine's own KVM can
// nest, the host runs on it.
//
// # Promise
//
// A host ends with the process that booted it. After [Host.Close] nothing is
// left of it: no process, no file. A host that dies by itself is told of by
// [Host.Done], and [Host.Err] carries the end of its console.
package computehost
