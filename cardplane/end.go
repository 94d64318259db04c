package cardplane

// EndReason says how a run of a container has come to its end.
type EndReason string

// The reasons. After the first four the container is Exited, after the others
// Failed.
const (
	// EndExited: the program has returned its exit code.
	EndExited EndReason = "exited"
	// EndSignaled: a signal has ended the program.
	EndSignaled EndReason = "signaled"
	// EndOOM: the guest's kernel has killed the program because the container
	// had reached its own memory limit.
	EndOOM EndReason = "oom"
	// EndGuestOOM: it has killed it because the whole virtual machine had no
	// memory left.
	EndGuestOOM EndReason = "guest_oom"
	// EndGuestPanic: the guest's kernel has panicked.
	EndGuestPanic EndReason = "guest_panic"
	// EndVMMDied: the VMM has ended under the virtual machine.
	EndVMMDied EndReason = "vmm_died"
	// EndVMLost: the virtual machine has rebooted, powered off or become
	// unresponsive, or the compute host no longer has it.
	EndVMLost EndReason = "vm_lost"
	// EndStartFailed: the program has not been started.
	EndStartFailed EndReason = "start_failed"
)
