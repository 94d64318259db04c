// Package doctor says what a compute host has for running VMs, what it
// lacks, and the one act that mends each lack. It changes nothing.
package doctor

import (
	"context"
	"slices"
	"time"

	"github.com/cardplane/cardplane/openapi/hostapi"
)

// Names of the checks, in their order. They are stable.
const (
	CheckVMM             = "vmm"
	CheckKVM             = "kvm"
	CheckCloudHypervisor = "cloud-hypervisor"
	CheckCHQemu          = "ch-qemu"
	CheckQEMU            = "qemu"
	CheckPrivileges      = "privileges"
	CheckTun             = "tun"
	CheckNFTables        = "nftables"
	CheckIPForward       = "ip-forward"
	CheckUsers           = "vm-users"
	CheckCgroup          = "cgroup"
	CheckLandlock        = "landlock"
	CheckSeccomp         = "seccomp"
	CheckHugePages       = "huge-pages"
	CheckRunDir          = "run-dir"
	CheckDataDir         = "data-dir"
	CheckMemory          = "memory"
)

// commandTimeout bounds a program that is asked for its version.
const commandTimeout = 10 * time.Second

// Config says where to look.
type Config struct {
	// KVM says why KVM cannot be used; nil means that guests really run on
	// it. The device node alone proves nothing.
	KVM func() error
	// Users tells the users that VMMs get, or why they get none of their
	// own; an error may have a Remedy and say whether it is fatal. Nil, as
	// for the next three, leaves the check out.
	Users func() (string, error)
	// Cgroups says why VMMs get no cgroup with limits of their own.
	Cgroups func() error
	// Landlock tells the kernel's version of Landlock, or why it has none.
	Landlock func() (int, error)
	// HugePages tells how many huge pages are free for VMs.
	HugePages func() (int64, error)
	// Networks says why VMs get no networks, Outbound why they have no way out
	// of them, nil if they do. Nil functions leave the checks out.
	Networks, Outbound func() *hostapi.Capability
	// CloudHypervisor, CHQemu and QEMU are paths, or names to look up in
	// PATH.
	CloudHypervisor, CHQemu, QEMU string
	// RunDir and DataDir are vmmd's directories; they may not exist yet.
	RunDir, DataDir string
}

// Run runs all checks.
func Run(ctx context.Context, cfg Config) []hostapi.Check {
	found := look(ctx, cfg)
	checks := []hostapi.Check{
		checkVMM(found.vmms()), found.checkKVM(), found.checkCloudHypervisor(), found.checkCHQemu(), found.checkQEMU(),
		checkPrivileges(), checkTun(tunDevice),
	}
	checks = append(checks, checkNetworks(cfg)...)
	checks = append(checks, checkIsolation(cfg)...)
	return append(checks,
		checkSpace(CheckRunDir, cfg.RunDir, runDirNeeds),
		checkSpace(CheckDataDir, cfg.DataDir, dataDirNeeds),
		checkMemory(memInfo),
	)
}

// Failed reports whether a check has failed.
func Failed(checks []hostapi.Check) bool {
	return slices.ContainsFunc(checks, func(c hostapi.Check) bool { return c.Status == hostapi.Fail })
}

func ok(name, detail string) hostapi.Check {
	return hostapi.Check{Name: name, Status: hostapi.Ok, Detail: detail}
}

func warn(name, detail, remedy string) hostapi.Check {
	return hostapi.Check{Name: name, Status: hostapi.Warn, Detail: detail, Remedy: remedy}
}

func fail(name, detail, remedy string) hostapi.Check {
	return hostapi.Check{Name: name, Status: hostapi.Fail, Detail: detail, Remedy: remedy}
}
