package doctor

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/ping"
)

// minQEMU is the first major version whose emulation of the CPU does not
// corrupt flags now and then.
const minQEMU = 10

// Remedies that more than one check gives.
const (
	remedyQEMU            = "apt-get install qemu-system-x86/bookworm-backports"
	remedyCloudHypervisor = "install cloud-hypervisor v53 or newer (github.com/cloud-hypervisor/cloud-hypervisor/releases), or name it with CARDPLANE_CLOUD_HYPERVISOR"
	remedyCHQemu          = "install ch-qemu beside vmmd, or name it with --ch-qemu"
)

// VMM is a VMM of this host and whether it can be used.
type VMM struct {
	// Info is what the card is told.
	Info hostapi.VMMInfo
	// Path is the executable.
	Path string
}

// VMMs returns Cloud Hypervisor and ch-qemu, in this order of preference.
func VMMs(ctx context.Context, cfg Config) []VMM { return look(ctx, cfg).vmms() }

// program is what was found of an executable.
type program struct {
	path string
	// version is empty when the program was not asked.
	version string
	// lack says why it cannot be used; nil if it can.
	lack error
}

// findings is what the VMMs need.
type findings struct {
	kvm                           error
	cloudHypervisor, chQemu, qemu program
}

func look(ctx context.Context, cfg Config) findings {
	f := findings{
		cloudHypervisor: find(cfg.CloudHypervisor),
		chQemu:          find(cfg.CHQemu),
		qemu:            find(cfg.QEMU),
	}
	if cfg.KVM != nil {
		f.kvm = cfg.KVM()
	}
	f.cloudHypervisor.requireVersion(ctx, ping.MinVersion)
	f.qemu.requireVersion(ctx, minQEMU)
	return f
}

// find looks name up in PATH, unless it is a path.
func find(name string) program {
	path, err := exec.LookPath(name)
	if err != nil {
		var lookup *exec.Error
		if errors.As(err, &lookup) {
			err = lookup.Err
		}
		return program{lack: fmt.Errorf("%s: %w", name, err)}
	}
	return program{path: path}
}

var versionPattern = regexp.MustCompile(`(?:version |v)((\d+)\.[0-9.]+)`)

// requireVersion asks the program for its version and compares the major one.
func (p *program) requireVersion(ctx context.Context, atLeast int) {
	if p.lack != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, p.path, "--version").Output()
	if err != nil {
		p.lack = fmt.Errorf("%s --version: %w", p.path, err)
		return
	}
	match := versionPattern.FindStringSubmatch(string(out))
	if match == nil {
		p.lack = fmt.Errorf("%s --version says %.60q", p.path, strings.TrimSpace(string(out)))
		return
	}
	p.version = match[1]
	if major, err := strconv.Atoi(match[2]); err != nil || major < atLeast {
		p.lack = fmt.Errorf("%s is version %s; %d or newer is needed", p.path, p.version, atLeast)
	}
}

// vmms combines the findings: Cloud Hypervisor needs KVM, ch-qemu needs QEMU.
func (f findings) vmms() []VMM {
	ch := hostapi.VMMInfo{Kind: hostapi.VMMKindCloudHypervisor}
	switch {
	case f.cloudHypervisor.lack != nil:
		ch.Reason = f.cloudHypervisor.lack.Error()
	case f.kvm != nil:
		ch.Reason = "KVM cannot be used: " + f.kvm.Error()
	default:
		ch.Available, ch.Reason = true, fmt.Sprintf("%s is version %s and KVM works", f.cloudHypervisor.path, f.cloudHypervisor.version)
	}
	q := hostapi.VMMInfo{Kind: hostapi.VMMKindChQemu}
	switch {
	case f.chQemu.lack != nil:
		q.Reason = f.chQemu.lack.Error()
	case f.qemu.lack != nil:
		q.Reason = f.qemu.lack.Error()
	default:
		q.Available, q.Reason = true, fmt.Sprintf("%s over QEMU %s", f.chQemu.path, f.qemu.version)
	}
	return []VMM{{Info: ch, Path: f.cloudHypervisor.path}, {Info: q, Path: f.chQemu.path}}
}

func checkVMM(vmms []VMM) hostapi.Check {
	var reasons []string
	for _, v := range vmms {
		if v.Info.Available {
			return ok(CheckVMM, fmt.Sprintf("VMs are run by %s (%s)", v.Info.Kind, v.Info.Reason))
		}
		reasons = append(reasons, fmt.Sprintf("%s: %s", v.Info.Kind, v.Info.Reason))
	}
	return fail(CheckVMM, "no VMM can be used; "+strings.Join(reasons, "; "), "mend what the checks kvm, cloud-hypervisor, ch-qemu or qemu tell")
}

func (f findings) checkKVM() hostapi.Check {
	if f.kvm == nil {
		return ok(CheckKVM, "KVM works")
	}
	return warn(CheckKVM, f.kvm.Error(), "use a host, or a VM with nested virtualisation, whose CPU shows vmx or svm; VMs are emulated until then")
}

func (f findings) checkCloudHypervisor() hostapi.Check {
	if f.cloudHypervisor.lack != nil {
		return warn(CheckCloudHypervisor, f.cloudHypervisor.lack.Error(), remedyCloudHypervisor)
	}
	return ok(CheckCloudHypervisor, f.cloudHypervisor.path+" is version "+f.cloudHypervisor.version)
}

func (f findings) checkCHQemu() hostapi.Check {
	if f.chQemu.lack != nil {
		return f.unlessCloudHypervisor(CheckCHQemu, f.chQemu.lack.Error(), remedyCHQemu)
	}
	return ok(CheckCHQemu, f.chQemu.path)
}

func (f findings) checkQEMU() hostapi.Check {
	if f.qemu.lack != nil {
		return f.unlessCloudHypervisor(CheckQEMU, f.qemu.lack.Error(), remedyQEMU)
	}
	return ok(CheckQEMU, f.qemu.path+" is version "+f.qemu.version)
}

// unlessCloudHypervisor is a failure on a host that needs ch-qemu, and a
// warning where Cloud Hypervisor does.
func (f findings) unlessCloudHypervisor(name, detail, remedy string) hostapi.Check {
	if f.cloudHypervisor.lack == nil && f.kvm == nil {
		return warn(name, detail, remedy)
	}
	return fail(name, detail, remedy)
}
