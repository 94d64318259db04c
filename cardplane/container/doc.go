// Package container implements cardplane.ContainerService: the life of
// containers, each in a machine of its own or in that of its sandbox; and
// cardplane.SandboxService.
//
// # Who does what
//
// A [Service] holds an entry for every container: the live copy of its stored
// record, and who waits for it to change. An active container has a run, the
// one goroutine that decides about it from starting to exited or failed, with
// helpers that it owns: two output pumps and the wait for the exit code. API
// calls change the record, or ask the run; they never act on a machine behind
// its back, except that they pass signals and terminal sizes to the agent.
//
// # Sandboxes
//
// A sandbox has a machine while a container of it is active. A run enters the
// machine in the transaction that records its start, and is a member until its
// end is recorded. The machine's own goroutine brings it up; runs wait for that,
// plug in their devices, and when they leave have the guest forget the container
// and take the devices away. The last one to leave takes the machine away. What
// a control plane finds in the records is who was a member, so that any of these
// steps may be taken again.
//
// # What a crash leaves
//
// The record is durable before anything it says is acted on:
//
//	starting  the machine's and disk's ids are in the ledger before either is made
//	running   the program runs; until then a resumed start finishes the start
//	stopping  with an exit: the code is safe and the machine may be destroyed
//	exited    the machine is gone
//
// Ending a Service leaves all machines as they are, which is the same as
// killing it: Open takes every active container up where its record says.
// Output is journalled before the guest may free it, and resumes at the
// journal's end.
//
// # Events
//
// An event is recorded in the transaction that makes true what it tells of, so
// that a crash neither loses nor repeats it, and nobody can be told of what
// follows before it. What takes a guest to become true, such as a pause or a
// change of limits, is told in the transaction that records that the guest has
// done it. The helpers of a run end before its end is recorded. Only images,
// which are files beside the store, have events that follow.
//
// # Configs and secrets
//
// They are brought into the guest before the program is started. From then on a
// helper of the run brings what has changed, also what changed while the host or
// this control plane was away. The guest leaves what is the same alone.
//
// # Networks
//
// A start gives the run its interfaces in one transaction with the leases of
// their addresses and the claims of networks and published ports. From then on
// followNetworks keeps host, machine and guest as the record says; connecting
// and disconnecting change the record and have it follow. What names are on a
// network follows from the records of those that run on it.
package container
