// Package vmm drives one Cloud Hypervisor process through its REST API.
//
// A [VMM] is a handle: it holds no state of the machine and owns nothing but
// idle connections, so that any number of them may point to one process and a
// controller that restarts simply makes a new one. The process itself belongs
// to whoever started it. The way to the API socket is a [DialFunc]: a unix
// socket in a test, a tunnel over the link on the card.
//
// Lifecycle of the one VM in the process:
//
//	        Create          Boot             Pause
//	(none) ───────► Created ──────► Running ◄─────► Paused
//	   ▲              │  ▲             │    Resume     │
//	   └──── Delete ──┘  └── Shutdown ─┴───────────────┘
//
// Delete works in every state and is idempotent. A guest that powers itself
// off ends the process with exit code 0; a guest that reboots or panics (with
// panic=N on its command line) is started again within the process. Both are
// told by the events (see [EventDecoder]), and by nothing else: the API has
// no way to wait.
//
// Errors are *apierr.Error. Their evidence is the VMM's own chain of causes,
// outermost first. Codes:
//
//	vmm_unreachable   the socket cannot be dialled or the connection broke
//	vmm_timeout       no answer within the call's time bound
//	vmm_busy          too many connections, or an earlier resize is pending
//	vmm_bad_request   the VMM does not understand the request
//	vm_not_created    there is no VM
//	vm_wrong_state    the VM's state does not allow the call
//	vmm_not_supported this VMM cannot do it, ever
//	vmm_failed        anything else the VMM reports
//	vmm_too_old       the VMM's version is below ping.MinVersion
package vmm
