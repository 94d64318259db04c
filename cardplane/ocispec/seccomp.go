package ocispec

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/moby/profiles/seccomp"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/ocispec/bpf"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// maxProfile bounds a profile, in bytes.
const maxProfile = 256 << 10

// guest is what a profile's conditions ask about. It is the guest's, so that
// the card's own processor and kernel have no say.
type guest struct {
	kernel       seccomp.KernelVersion
	capabilities []string
}

// arch is the guest's processor as conditions name it.
const arch = "amd64"

// architectures are the system call interfaces of the guest's kernel, but for
// x32, which kernels have switched off.
var architectures = []specs.Arch{specs.ArchX86_64, specs.ArchX86}

// filter returns the system call filter of a container, nil for none, whose
// bounding set is capabilities. It fails with invalid_seccomp_profile.
func filter(s cardplane.Security, kernel string, capabilities []string) (*specs.LinuxSeccomp, error) {
	profile := seccomp.DefaultProfile()
	switch {
	case s.SeccompProfile != nil:
		var err error
		if profile, err = parseProfile(s.SeccompProfile); err != nil {
			return nil, invalidProfile("%w", err)
		}
	case s.Privileged || s.Seccomp == cardplane.SeccompUnconfined:
		return nil, nil
	}
	g := guest{capabilities: capabilities}
	if _, err := fmt.Sscanf(kernel, "%d.%d", &g.kernel.Kernel, &g.kernel.Major); err != nil {
		return nil, fmt.Errorf("release %q of the guest's kernel: %w", kernel, err)
	}
	return g.resolve(profile), nil
}

// programAnnotation has crun take a filter that is compiled already.
const programAnnotation = "run.oci.seccomp_bpf_data"

// compiled returns annotations with the program of f, which may be nil for none.
func compiled(f *specs.LinuxSeccomp, annotations map[string]string) (map[string]string, error) {
	if f == nil {
		return annotations, nil
	}
	program, err := bpf.Compile(f)
	if err != nil {
		return nil, invalidProfile("%w", err)
	}
	with := maps.Clone(annotations)
	if with == nil {
		with = make(map[string]string, 1)
	}
	with[programAnnotation] = base64.StdEncoding.EncodeToString(program)
	return with, nil
}

// withoutRules returns what of f is not in its program. A runtime that knew
// nothing of programs would allow nothing.
func withoutRules(f *specs.LinuxSeccomp) *specs.LinuxSeccomp {
	if f == nil {
		return nil
	}
	return &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Flags: f.Flags}
}

func invalidProfile(format string, args ...any) error {
	return apierr.New(apierr.InvalidArgument, "invalid_seccomp_profile",
		"the seccomp profile cannot be used: "+format, args...).At("/security/seccompProfile")
}

func parseProfile(text []byte) (*seccomp.Seccomp, error) {
	if len(text) > maxProfile {
		return nil, fmt.Errorf("it has %d bytes; the most is %d", len(text), maxProfile)
	}
	var p seccomp.Seccomp
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, fmt.Errorf("%w; give one in Docker's format", err)
	}
	if err := checkAction(p.DefaultAction); err != nil {
		return nil, fmt.Errorf("defaultAction: %w", err)
	}
	for i, call := range p.Syscalls {
		if err := checkSyscall(call); err != nil {
			return nil, fmt.Errorf("syscalls[%d]: %w", i, err)
		}
	}
	return &p, nil
}

func checkSyscall(call *seccomp.Syscall) error {
	if call == nil || len(namesOf(call)) == 0 {
		return fmt.Errorf("it has no names")
	}
	for _, arg := range call.Args {
		if !slices.Contains(operators, arg.Op) || arg.Index > maxArgument {
			return fmt.Errorf("no argument %d can be compared by %q", arg.Index, arg.Op)
		}
	}
	return checkAction(call.Action)
}

// namesOf returns the system calls of a rule. Profiles of old have one by itself.
func namesOf(call *seccomp.Syscall) []string {
	//lint:ignore SA1019 such profiles are still in use
	if name := call.Name; name != "" {
		return append(slices.Clone(call.Names), name)
	}
	return call.Names
}

// maxArgument is the index of a system call's last argument.
const maxArgument = 5

var operators = []specs.LinuxSeccompOperator{
	specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual, specs.OpEqualTo,
	specs.OpGreaterEqual, specs.OpGreaterThan, specs.OpMaskedEqual,
}

// actions are those that need nobody who listens.
var actions = []specs.LinuxSeccompAction{
	specs.ActKill, specs.ActKillProcess, specs.ActKillThread, specs.ActTrap,
	specs.ActErrno, specs.ActTrace, specs.ActAllow, specs.ActLog,
}

func checkAction(a specs.LinuxSeccompAction) error {
	if !slices.Contains(actions, a) {
		return fmt.Errorf("the action %q is not possible; use one of %q", a, actions)
	}
	return nil
}

// resolve returns what is left of a profile in the guest.
func (g guest) resolve(p *seccomp.Seccomp) *specs.LinuxSeccomp {
	out := &specs.LinuxSeccomp{
		DefaultAction: p.DefaultAction, DefaultErrnoRet: p.DefaultErrnoRet, Flags: p.Flags, Architectures: architectures,
	}
	for _, call := range p.Syscalls {
		if !g.applies(call) {
			continue
		}
		rule := call.LinuxSyscall
		rule.Names = namesOf(call)
		out.Syscalls = append(out.Syscalls, rule)
	}
	return out
}

// applies reports whether the rule counts: every condition of includes holds,
// and none of excludes does.
func (g guest) applies(call *seccomp.Syscall) bool {
	if in := call.Includes; in != nil {
		if len(in.Arches) > 0 && !slices.Contains(in.Arches, arch) || in.MinKernel != nil && !g.hasKernel(*in.MinKernel) {
			return false
		}
		if slices.ContainsFunc(in.Caps, func(c string) bool { return !slices.Contains(g.capabilities, c) }) {
			return false
		}
	}
	if ex := call.Excludes; ex != nil {
		if slices.Contains(ex.Arches, arch) || ex.MinKernel != nil && g.hasKernel(*ex.MinKernel) {
			return false
		}
		if slices.ContainsFunc(ex.Caps, func(c string) bool { return slices.Contains(g.capabilities, c) }) {
			return false
		}
	}
	return true
}

func (g guest) hasKernel(least seccomp.KernelVersion) bool {
	if g.kernel.Kernel != least.Kernel {
		return g.kernel.Kernel > least.Kernel
	}
	return g.kernel.Major >= least.Major
}
