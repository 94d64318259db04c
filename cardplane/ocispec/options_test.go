package ocispec_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/ocispec"
	"github.com/cardplane/cardplane/cardplane/ocispec/bpf"
	"github.com/cardplane/cardplane/openapi/apierr"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// build returns the specification of a container that asks for spec.
func build(t *testing.T, spec cardplane.ContainerSpec) *specs.Spec {
	t.Helper()
	spec.Command = []string{"x"}
	out, err := ocispec.Build(ocispec.Request{ID: "0123456789abcdef", Spec: spec, Kernel: kernel})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCapabilities(t *testing.T) {
	type list = []string
	for name, tc := range map[string]struct {
		add, drop list
		want      list
		size      int
	}{
		"default":      {nil, nil, list{"CAP_CHOWN"}, 14},
		"added":        {list{"net_admin", "CAP_SYS_PTRACE", "chown"}, nil, list{"CAP_NET_ADMIN", "CAP_SYS_PTRACE"}, 16},
		"dropped":      {nil, list{"CHOWN", "KILL"}, list{"CAP_FOWNER"}, 12},
		"all":          {list{"all"}, list{"SYS_ADMIN"}, list{"CAP_NET_ADMIN", "CAP_CHECKPOINT_RESTORE"}, 40},
		"none":         {nil, list{"ALL"}, nil, 0},
		"none but one": {list{"KILL"}, list{"ALL"}, list{"CAP_KILL"}, 1},
	} {
		got := build(t, cardplane.ContainerSpec{Security: cardplane.Security{CapAdd: tc.add, CapDrop: tc.drop}}).Process.Capabilities
		for _, c := range tc.want {
			if !slices.Contains(got.Effective, c) {
				t.Errorf("%s: no %s in %v", name, c, got.Effective)
			}
		}
		if len(got.Bounding) != tc.size || len(got.Inheritable)+len(got.Ambient) != 0 {
			t.Errorf("%s: %d capabilities, want %d", name, len(got.Bounding), tc.size)
		}
	}
	_, err := ocispec.Build(ocispec.Request{ID: "0123456789abcdef", Kernel: kernel,
		Spec: cardplane.ContainerSpec{Command: []string{"x"}, Security: cardplane.Security{CapDrop: []string{"FLY"}}}})
	if e := apierr.From(err); e.Code != "invalid_capability" || e.Field != "/security/capDrop" {
		t.Errorf("got %v", err)
	}
}

func TestPrivileged(t *testing.T) {
	spec := build(t, cardplane.ContainerSpec{Security: cardplane.Security{Privileged: true}})
	if l := spec.Linux; l.Seccomp != nil || len(l.MaskedPaths)+len(l.ReadonlyPaths) > 0 || len(l.Resources.Devices) != 1 {
		t.Errorf("closed: %+v", l)
	}
	for _, m := range spec.Mounts {
		if slices.Contains(m.Options, "ro") {
			t.Errorf("%s is read-only", m.Destination)
		}
	}
	if n := len(spec.Process.Capabilities.Effective); n != 41 {
		t.Errorf("%d capabilities", n)
	}
	if again := build(t, cardplane.ContainerSpec{}); len(again.Linux.MaskedPaths) == 0 || again.Linux.Seccomp == nil {
		t.Error("the next container is open too")
	}
}

// rules returns the rules of a container's system calls.
func rules(t *testing.T, s cardplane.Security) *specs.LinuxSeccomp {
	t.Helper()
	f, err := ocispec.Rules(s, kernel)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// allows returns the system calls that a filter lets through in any case.
func allows(f *specs.LinuxSeccomp) []string {
	var names []string
	for _, call := range f.Syscalls {
		if call.Action == specs.ActAllow && len(call.Args) == 0 {
			names = append(names, call.Names...)
		}
	}
	return names
}

func TestDefaultProfile(t *testing.T) {
	plain := rules(t, cardplane.Security{})
	if plain.DefaultAction != specs.ActErrno || !slices.Equal(plain.Architectures, []specs.Arch{specs.ArchX86_64, specs.ArchX86}) {
		t.Errorf("got %v for %v", plain.DefaultAction, plain.Architectures)
	}
	admin := rules(t, cardplane.Security{CapAdd: []string{"SYS_ADMIN"}})
	for name, want := range map[string][2]bool{
		"read": {true, true}, "mount": {false, true}, "ptrace": {true, true}, "arch_prctl": {true, true}, "reboot": {false, false}, "s390_pci_mmio_read": {false, false},
	} {
		if got := [2]bool{slices.Contains(allows(plain), name), slices.Contains(allows(admin), name)}; got != want {
			t.Errorf("%s: plain and with SYS_ADMIN %v, want %v", name, got, want)
		}
	}
}

// The filter goes to the guest as a program, and the user's annotations with it.
func TestProgram(t *testing.T) {
	asked := map[string]string{"a": "b", "run.oci.seccomp_bpf_data": "x"}
	spec := build(t, cardplane.ContainerSpec{Annotations: asked})
	want, err := bpf.Compile(rules(t, cardplane.Security{}))
	if err != nil {
		t.Fatal(err)
	}
	if got := spec.Annotations; got["a"] != "b" || got["run.oci.seccomp_bpf_data"] != base64.StdEncoding.EncodeToString(want) || asked["run.oci.seccomp_bpf_data"] != "x" {
		t.Errorf("annotations %v for %v", got, asked)
	}
	if f := spec.Linux.Seccomp; f == nil || f.DefaultAction != specs.ActErrno || len(f.Syscalls) > 0 {
		t.Errorf("beside the program: %+v", f)
	}
	spec = build(t, cardplane.ContainerSpec{Security: cardplane.Security{Seccomp: cardplane.SeccompUnconfined}})
	if spec.Linux.Seccomp != nil || len(spec.Annotations) > 0 {
		t.Errorf("unconfined: %+v, %v", spec.Linux.Seccomp, spec.Annotations)
	}
}

// Conditions are about the guest, not the card.
func TestProfileConditions(t *testing.T) {
	const profile = `{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
		{"names": ["new"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "6.13"}},
		{"names": ["old"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "6.12"}},
		{"names": ["gone"], "action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": "5.0"}},
		{"names": ["arm"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm64"]}},
		{"names": ["notarm"], "action": "SCMP_ACT_ALLOW", "excludes": {"arches": ["arm64"]}},
		{"names": ["killer"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_KILL"]}},
		{"names": ["pacifist"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_KILL"]}},
		{"name": "single", "action": "SCMP_ACT_ALLOW"}]}`
	for name, s := range map[string]cardplane.Security{"plain": {}, "privileged": {Privileged: true}} {
		s.SeccompProfile = json.RawMessage(profile)
		if got := strings.Join(allows(rules(t, s)), " "); got != "old notarm killer single" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestBadProfiles(t *testing.T) {
	for _, profile := range []string{
		`[]`, `{}`, `{"defaultAction": "SCMP_ACT_NOTIFY"}`, `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [null]}`,
		`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"action": "SCMP_ACT_ALLOW"}]}`,
		`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"name": "a", "action": "SCMP_ACT_BLESS"}]}`,
		`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"name": "a", "action": "SCMP_ACT_ALLOW", "args": [{"index": 6, "op": "SCMP_CMP_EQ"}]}]}`,
		`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"name": "a", "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "six"}}]}`,
		`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"name": "a", "action": "SCMP_ACT_LOG", "errnoRet": 1}]}`,
		`{"defaultAction": "SCMP_ACT_ALLOW", "x": "` + strings.Repeat("x", 256<<10) + `"}`,
	} {
		_, err := ocispec.Build(ocispec.Request{ID: "0123456789abcdef", Kernel: kernel, Spec: cardplane.ContainerSpec{
			Command: []string{"x"}, Security: cardplane.Security{SeccompProfile: json.RawMessage(profile)}}})
		if e := apierr.From(err); e.Code != "invalid_seccomp_profile" || e.Field != "/security/seccompProfile" {
			t.Errorf("%.80s: %v", profile, err)
		}
	}
}

func TestMounts(t *testing.T) {
	spec := build(t, cardplane.ContainerSpec{ShmBytes: 1 << 20, Tmpfs: []cardplane.Tmpfs{
		{Path: "/a/b", SizeBytes: 8192, Mode: "0700", UID: 5, GID: 6, ReadOnly: true, Exec: true, SUID: true}, {Path: "/a"}, {Path: "/dev/mqueue"},
	}})
	options := map[string]string{}
	var order []string
	for _, m := range spec.Mounts {
		options[m.Destination] = strings.Join(m.Options, ",")
		order = append(order, m.Destination)
	}
	for path, want := range map[string]string{
		"/a": "nodev,mode=1777,noexec,nosuid", "/a/b": "nodev,mode=0700,ro,size=8192,uid=5,gid=6",
		"/dev/shm": "nosuid,noexec,nodev,mode=1777,size=1048576", "/dev/mqueue": "nodev,mode=1777,noexec,nosuid",
	} {
		if options[path] != want {
			t.Errorf("%s: %s, want %s", path, options[path], want)
		}
	}
	if slices.Index(order, "/a") > slices.Index(order, "/a/b") || len(options) != len(order) {
		t.Errorf("order %v", order)
	}
}

func TestLimitsAndSysctls(t *testing.T) {
	spec := build(t, cardplane.ContainerSpec{
		Ulimits: []cardplane.Ulimit{{Name: "core", Soft: 0, Hard: cardplane.NoLimit}},
		Sysctls: map[string]string{"kernel.shmmax": "1", "fs.mqueue.msg_max": "2", "kernel.shmmaxi": "3", "net.core.somaxconn": "4"},
	})
	want := []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 1 << 20, Hard: 1 << 20}, {Type: "RLIMIT_CORE", Soft: 0, Hard: 1<<64 - 1}}
	if !slices.Equal(spec.Process.Rlimits, want) {
		t.Errorf("limits %+v", spec.Process.Rlimits)
	}
	if !maps.Equal(spec.Linux.Sysctl, map[string]string{"kernel.shmmax": "1", "fs.mqueue.msg_max": "2"}) {
		t.Errorf("the container's parameters: %v", spec.Linux.Sysctl)
	}
	files := build(t, cardplane.ContainerSpec{Ulimits: []cardplane.Ulimit{{Name: "nofile", Soft: 3, Hard: 4}}}).Process.Rlimits
	if !slices.Equal(files, []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 3, Hard: 4}}) {
		t.Errorf("open files %+v", files)
	}
}

func TestFiles(t *testing.T) {
	hosts := ocispec.Files("box", []cardplane.HostEntry{{Name: "db", Address: "::1"}}, nil)["/etc/hosts"]
	if !strings.HasSuffix(hosts, "ip6-loopback\n::1\tdb\n") || !strings.HasPrefix(hosts, "127.0.0.1\tlocalhost box\n") {
		t.Errorf("%s", hosts)
	}
}
