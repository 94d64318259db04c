// Package sandbox owns virtual machines on the compute host: it makes one,
// boots it, reaches the guest agent in it, watches it, and takes it away
// again. It knows images only as block files, and containers not at all.
//
// # Life of a sandbox
//
//	files on the host ─┬─► VMM process ─► VM created ─► booted ─► agent answers
//	writable disk ─────┘
//
// [Manager.Start] takes all of these steps and each is idempotent, so that it
// also finishes a start which an earlier process began. On failure it takes
// everything back in reverse order and the error carries the console's last
// lines. [Manager.Adopt] takes over a machine that already runs.
//
// Where there is a template for its size, a machine is restored instead of
// booted (template.go). [Manager.MakeTemplate] makes one.
//
// [Sandbox.Plug] and [Sandbox.Unplug] give a machine that runs devices and take
// them away. Both change what differs from what is asked for, and so may be
// repeated after any break.
//
// A [Sandbox] follows the machine's events until Close or Destroy. A kernel
// panic, a reboot, the end of the VMM: each closes Lost. A reboot is a loss,
// because nothing that ran before it runs after it.
//
// # Ownership
//
// Machines belong to no process. Close leaves one running; so does a context
// that ends with the cause [ErrDetached], at whatever step Start is.
package sandbox
