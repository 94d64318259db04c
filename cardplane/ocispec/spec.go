// Package ocispec builds the OCI runtime specification of a container from
// its image's configuration and the user's request, in the way that users of
// Docker expect: what the request leaves out comes from the image, and what
// both leave out from Docker's defaults.
//
// The virtual machine is the boundary between tenants; namespaces,
// capabilities, masked paths and the system call filter keep the container away
// from the guest agent beside it. The container shares the virtual machine's network, which is
// the sandbox's own, so it has no network namespace.
package ocispec

import (
	"maps"
	"slices"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// defaultPath is PATH where neither the image nor the request sets it, as
// Docker has it.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// version is the runtime specification's that we write: the oldest that has
// all we use, as runtimes refuse one that is newer than themselves.
const version = "1.0.2"

// Request is all that a specification is built from.
type Request struct {
	// ID is the container's id.
	ID string
	// Spec is the user's request.
	Spec cardplane.ContainerSpec
	// Image is the image's configuration.
	Image cardplane.ImageConfig
	// User is Spec.User, or the image's, resolved in the image.
	User specs.User
	// Kernel is the release of the guest's kernel.
	Kernel string
}

// Build returns the runtime specification (OCI runtime-spec 1.x, config.md).
// Root.Path is the guest agent's to set. It fails with no_command when
// neither the request nor the image says what to run, and with
// invalid_capability and invalid_seccomp_profile.
func Build(r Request) (*specs.Spec, error) {
	args := Args(r.Spec, r.Image)
	if len(args) == 0 || args[0] == "" {
		return nil, apierr.New(apierr.InvalidArgument, "no_command",
			"image %q has neither an entrypoint nor a command; say what to run with \"command\"", r.Spec.Image).At("/command")
	}
	bounding, err := boundingSet(r.Spec.Security)
	if err != nil {
		return nil, err
	}
	seccomp, err := filter(r.Spec.Security, r.Kernel, bounding)
	if err != nil {
		return nil, err
	}
	annotations, err := compiled(seccomp, r.Spec.Annotations)
	if err != nil {
		return nil, err
	}
	sysctls, _ := Sysctls(r.Spec)
	spec := &specs.Spec{
		Version:     version,
		Hostname:    Hostname(r.ID, r.Spec),
		Root:        &specs.Root{Readonly: r.Spec.ReadOnlyRoot},
		Process:     process(r, args, bounding),
		Mounts:      mountsFor(r.Spec),
		Annotations: annotations,
		Linux: &specs.Linux{
			CgroupsPath:   "/containers/" + r.ID,
			Namespaces:    namespaces(),
			MaskedPaths:   maskedPaths(),
			ReadonlyPaths: readonlyPaths(),
			Resources:     &specs.LinuxResources{Devices: deviceRules(), Pids: pidsLimit(r.Spec.Resources.PidsLimit)},
			Seccomp:       withoutRules(seccomp),
			Sysctl:        sysctls,
		},
	}
	if r.Spec.Sandbox != "" {
		share(spec, r.Spec)
	}
	if r.Spec.Security.Privileged {
		privilege(spec)
	}
	return spec, nil
}

// pidsLimit returns nil for no limit.
func pidsLimit(limit int64) *specs.LinuxPids {
	if limit == 0 {
		return nil
	}
	return &specs.LinuxPids{Limit: &limit}
}

func process(r Request, args, bounding []string) *specs.Process {
	p := &specs.Process{
		Terminal:        r.Spec.TTY,
		User:            r.User,
		Args:            args,
		Env:             Env(r),
		Cwd:             firstNonEmpty(r.Spec.WorkingDir, r.Image.WorkingDir, "/"),
		Capabilities:    capabilities(r.User.UID, bounding),
		Rlimits:         rlimits(r.Spec.Ulimits),
		NoNewPrivileges: r.Spec.Security.NoNewPrivileges,
	}
	if r.Spec.TTY {
		p.ConsoleSize = consoleSize(r.Spec.TerminalSize)
	}
	return p
}

// Exec returns the process of an exec in a container whose first process is
// base. user is spec.User resolved in the image, or base.User.
func Exec(base *specs.Process, spec cardplane.ExecSpec, user specs.User) *specs.Process {
	p := *base
	p.Args = spec.Command
	p.User = user
	p.Capabilities = capabilities(user.UID, base.Capabilities.Bounding)
	p.Cwd = firstNonEmpty(spec.WorkingDir, base.Cwd)
	p.Terminal = spec.TTY
	p.ConsoleSize = nil
	env := base.Env
	if user.UID != base.User.UID {
		env = unset(env, "HOME") // the runtime sets it from the user's passwd entry
	}
	p.Env = merge(env, terminalEnv(spec.TTY), flatten(spec.Env))
	if spec.TTY {
		p.ConsoleSize = consoleSize(spec.TerminalSize)
	}
	return &p
}

// Args returns the command line: an entrypoint in the request drops the
// image's command, as in Docker.
func Args(spec cardplane.ContainerSpec, image cardplane.ImageConfig) []string {
	entrypoint, command := image.Entrypoint, image.Cmd
	if spec.Entrypoint != nil {
		entrypoint, command = spec.Entrypoint, nil
	}
	if spec.Command != nil {
		command = spec.Command
	}
	return slices.Concat(entrypoint, command)
}

// Hostname returns the container's host name.
func Hostname(id string, spec cardplane.ContainerSpec) string {
	if spec.Sandbox != "" {
		return spec.Sandbox
	}
	if spec.Hostname != "" {
		return spec.Hostname
	}
	return id[:min(12, len(id))]
}

// Env returns the environment: defaults, the image's, the request's, the
// later ones winning.
func Env(r Request) []string {
	defaults := []string{"PATH=" + defaultPath, "HOSTNAME=" + Hostname(r.ID, r.Spec)}
	return merge(defaults, terminalEnv(r.Spec.TTY), r.Image.Env, flatten(r.Spec.Env))
}

func terminalEnv(tty bool) []string {
	if tty {
		return []string{"TERM=xterm"}
	}
	return nil
}

// flatten returns the variables as KEY=VALUE, sorted so that the result does
// not depend on the map's order.
func flatten(env map[string]string) []string {
	out := make([]string, 0, len(env))
	for _, key := range slices.Sorted(maps.Keys(env)) {
		out = append(out, key+"="+env[key])
	}
	return out
}

// merge joins environments. A later value replaces an earlier one in its
// place.
func merge(envs ...[]string) []string {
	var out []string
	at := map[string]int{}
	for _, kv := range slices.Concat(envs...) {
		key, _, _ := strings.Cut(kv, "=")
		if i, ok := at[key]; ok {
			out[i] = kv
			continue
		}
		at[key] = len(out)
		out = append(out, kv)
	}
	return out
}

func unset(env []string, key string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(kv string) bool { return strings.HasPrefix(kv, key+"=") })
}

func consoleSize(size cardplane.TerminalSize) *specs.Box {
	if size.Rows == 0 || size.Cols == 0 {
		return &specs.Box{Height: 24, Width: 80}
	}
	return &specs.Box{Height: uint(size.Rows), Width: uint(size.Cols)}
}

func firstNonEmpty(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
