package kernel

import "strings"

// Cmdline is the kernel command line of every guest, for either kernel. Each
// parameter was kept because a boot showed the need or the gain; README.md of
// this folder has the figures.
var Cmdline = strings.Join([]string{
	"console=ttyS0",
	"quiet", // errors only: a line on an emulated UART costs milliseconds

	"root=/dev/vda", "rootfstype=erofs", "ro",
	"init=/sbin/guest-agent",

	// A guest that is broken ends, and its VMM reports it, instead of limping.
	"panic=-1", "oops=panic",

	// With one vCPU the kernel otherwise rewrites 8000 lock prefixes, a sixth of
	// a boot under TCG, and again when a CPU is added.
	"noreplace-smp",
	"random.trust_cpu=on",
	// The check waits for timer ticks to tell broken chip sets from whole ones.
	"no_timer_check",
	// With several guests on one core the watchdog takes scheduling gaps for a
	// broken TSC, and every reading of the clock becomes a VM exit. Under KVM
	// the clock source is kvmclock, which has a say of its own.
	"tsc=reliable",
	// Debian's kernel otherwise tests each cipher in each guest.
	"cryptomgr.notests=1",
	// Namespaces and cgroups wait for RCU many times during a container start.
	"rcupdate.rcu_expedited=1",
}, " ")
