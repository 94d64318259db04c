// Package vhostvsock is a vhost-user-vsock device: it gives one QEMU guest
// vsock sockets whose host side are UNIX sockets, so that the host needs no
// vhost-vsock kernel module. QEMU attaches it as vhost-user-vsock-pci; host
// programs use it with the hybrid-vsock socket protocol of Cloud Hypervisor
// and Firecracker:
//
//	host → guest   connect to S, write "CONNECT <port>\n"; the guest's accept
//	               is answered with "OK <host port>\n", anything else with an
//	               end of file
//	guest → host   a connection to CID 2, port P arrives at the socket S_P; no
//	               listener there is a reset
//
// # Parts
//
//	Device            Listen, Serve, Close
//	└ loop            epoll: who has something to do
//	  ├ frontend      one vhost-user session: features, memory table, vrings
//	  │ └ vring       one virtqueue and its eventfds
//	  └ muxer         all connections over the two packet queues
//	    └ conn        one host socket, its credit both ways, its backlog
//	protocol          vhost-user messages         (subpackage)
//	guestmem          mapped memory tables        (subpackage)
//	ring              device side of split rings  (subpackage)
//	packet            virtio-vsock headers        (subpackage)
//	vhosttest         QEMU's and the guest's side, for tests without a VM
//
// # Ownership
//
// Serve runs everything in its caller's goroutine; there are no others. That
// goroutine alone touches guest memory, rings, connections and the front-end,
// so nothing is locked, and a memory table is unmapped between two uses, never
// during one. All descriptors are non-blocking and the goroutine waits in
// epoll_wait only. Close and a done context set a flag and an eventfd, under
// the one mutex that guards this eventfd.
//
// Payloads are not copied: readv and writev work on guest memory. Only what a
// slow host reader leaves is kept in the connection's backlog, at most
// bufAlloc bytes because that is the credit which the guest is given, and it
// holds up no other connection.
//
// # Life of a connection across the guest's
//
// A pause (GET_VRING_BASE, later the rings go on) keeps connections. A reset of
// the device ends them: the host sees an end of file. When a front-end goes
// away they end too, and should the same guest go on under another one, it
// gets a reset for each. Clients that connect while no driver runs wait in the
// socket's backlog.
//
// # What a hostile guest can do
//
// To itself, anything. Every descriptor, index, length and header is read once
// and checked; a ring that breaks the rules stops the device until the guest
// resets it, with one line in the log. It cannot make the device read or write
// outside the memory table, panic, spin, or keep more than 1023 connections,
// bufAlloc bytes for each and some thousand pending resets; with no receive
// buffers given, its own packets are no longer taken. It reaches no socket but
// S_<port>. A front-end that cuts its memory file short makes accesses fault,
// which stops the rings like a broken one.
package vhostvsock
