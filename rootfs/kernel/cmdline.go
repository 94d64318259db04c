package kernel

import "strings"

// Cmdline is the kernel command line of every guest, for either kernel. Each
// parameter has its reason beside it; ../README.md has the figures.
var Cmdline = strings.Join([]string{
	"console=ttyS0",
	"quiet", // errors only: a line on an emulated UART costs milliseconds

	"root=/dev/vda", "rootfstype=erofs", "ro",
	"init=/sbin/guest-agent",

	// A guest that is broken ends, and its VMM reports it, instead of limping.
	// How it resets is left to the kernel: ACPI's way works with every VMM.
	"panic=-1", "oops=panic",

	// With one vCPU the kernel otherwise rewrites 8000 lock prefixes, 140 ms of
	// a boot under TCG, and again when a CPU is added.
	"noreplace-smp",
	// The check counts timer ticks and panics when there are too few, which a
	// busy host can bring about.
	"no_timer_check",
	// With several guests on one core the watchdog takes scheduling gaps for a
	// broken TSC, and every reading of the clock becomes a VM exit. Under KVM
	// the clock source is kvmclock, which has a say of its own.
	"tsc=reliable",
	// Debian's kernel otherwise tests each cipher in each guest.
	"cryptomgr.notests=1",
	"initcall_blacklist=" + strings.Join(unused, ","),
}, " ")

// unused are the parts of Debian's kernel that it would prepare in each guest with
// more than half of the instructions of its boot, and that no guest needs. Our own
// kernel has none of them.
var unused = []string{
	"jent_mod_init",                   // tests a source of random numbers that only FIPS mode needs
	"trace_eval_init",                 // rewrites what tracing prints of each event, for readers
	"ftrace_check_for_weak_functions", // looks each function up that tracing may list, for its name
	"load_system_certificate_list",    // to check the signatures of modules, which have none here
	"bpf_tcp_ca_kfunc_init",           // congestion control that a BPF program is to provide
	"bpf_dummy_struct_ops_init",       // a test of BPF
}
