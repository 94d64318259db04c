package container

import (
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
)

// runtimePrefix begins the annotations that command the guest's OCI runtime.
const runtimePrefix = "run.oci."

var (
	hostPattern   = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._-]{0,251}[a-zA-Z0-9])?$`)
	sysctlPattern = regexp.MustCompile(`^(fs|kernel|net|user|vm)(\.[a-zA-Z0-9_-]+)+$`)
	modePattern   = regexp.MustCompile(`^[01]?[0-7]{3}$`)
)

// ulimitNames are Docker's names of the limits of setrlimit(2).
var ulimitNames = []string{
	"core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice",
	"nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack",
}

// checkOptions checks what is about neither names nor the process itself.
// Capabilities and system calls are ocispec's to check.
func checkOptions(spec cardplane.ContainerSpec) error {
	if s := spec.StopSeconds; s != nil && (*s < 0 || *s > cardplane.MaxStopSeconds) {
		return invalid("/stopTimeoutSeconds", "invalid_stop_timeout", "a grace period of %d seconds is not possible; give 0 to %d", *s, cardplane.MaxStopSeconds)
	}
	for _, check := range []func(cardplane.ContainerSpec) error{
		checkHealthcheck, checkAnnotations, checkGroups, checkHosts, checkTmpfs, checkUlimits, checkSysctls, checkSecurity,
	} {
		if err := check(spec); err != nil {
			return err
		}
	}
	return nil
}

func checkAnnotations(spec cardplane.ContainerSpec) error {
	for key := range spec.Annotations {
		if key == "" || strings.HasPrefix(key, runtimePrefix) {
			return invalid("/annotations", "invalid_annotation", "the annotation %q is not possible: those that begin with %s command the runtime in the virtual machine; choose another key", key, runtimePrefix)
		}
	}
	return checkStrings("/annotations", keysAndValues(spec.Annotations))
}

func checkGroups(spec cardplane.ContainerSpec) error { return checkStrings("/groups", spec.Groups) }

func checkHosts(spec cardplane.ContainerSpec) error {
	for i, h := range spec.Hosts {
		field := fmt.Sprintf("/hosts/%d", i)
		if !hostPattern.MatchString(h.Name) {
			return invalid(field+"/name", "invalid_host", "the host name %q is not usable; use letters, digits, '.', '_' and '-', the first and last a letter or digit", h.Name)
		}
		if a, err := netip.ParseAddr(h.Address); err != nil || a.Zone() != "" {
			return invalid(field+"/address", "invalid_host", "the address %q of host %q is none; give an IPv4 or IPv6 address", h.Address, h.Name)
		}
	}
	return nil
}

func checkTmpfs(spec cardplane.ContainerSpec) error {
	if spec.ShmBytes != 0 && spec.ShmBytes < cardplane.MinTmpfsBytes {
		return invalid("/shmBytes", "invalid_size", "%d bytes are too few for /dev/shm; ask for at least %d", spec.ShmBytes, cardplane.MinTmpfsBytes)
	}
	var paths []string
	for i, t := range spec.Tmpfs {
		field := fmt.Sprintf("/tmpfs/%d", i)
		if err := checkMountPath(field+"/path", t.Path); err != nil {
			return err
		}
		if slices.Contains(paths, t.Path) {
			return invalid(field+"/path", "invalid_tmpfs", "two tmpfs are mounted at %q; leave one out", t.Path)
		}
		if t.SizeBytes != 0 && t.SizeBytes < cardplane.MinTmpfsBytes {
			return invalid(field+"/sizeBytes", "invalid_size", "%d bytes are too few for the tmpfs at %s; ask for at least %d", t.SizeBytes, t.Path, cardplane.MinTmpfsBytes)
		}
		if t.Mode != "" && !modePattern.MatchString(t.Mode) {
			return invalid(field+"/mode", "invalid_tmpfs", "the mode %q is no octal number of three digits, or of four that begin with 0 or 1; use one such as 1777", t.Mode)
		}
		paths = append(paths, t.Path)
	}
	return nil
}

// checkMountPath refuses what would hide what every container has.
func checkMountPath(field, at string) error {
	if !path.IsAbs(at) || path.Clean(at) != at {
		return invalid(field, "invalid_tmpfs", "the path %q is not a plain absolute one; begin it with '/' and leave out '..', '//' and a '/' at its end", at)
	}
	for _, taken := range []string{"/proc", "/sys"} {
		if at == "/" || at == "/dev" || at == taken || strings.HasPrefix(at, taken+"/") {
			return invalid(field, "invalid_tmpfs", "nothing can be mounted at %q, where the container's system files are; choose another directory", at)
		}
	}
	return checkStrings(field, []string{at})
}

func checkUlimits(spec cardplane.ContainerSpec) error {
	const code = "invalid_ulimit"
	var names []string
	for i, u := range spec.Ulimits {
		field := fmt.Sprintf("/ulimits/%d", i)
		switch {
		case !slices.Contains(ulimitNames, u.Name):
			return invalid(field+"/name", code, "there is no limit %q; use one of %s", u.Name, strings.Join(ulimitNames, ", "))
		case slices.Contains(names, u.Name):
			return invalid(field+"/name", code, "the limit %s is there twice; leave one out", u.Name)
		case u.Soft < cardplane.NoLimit || u.Hard < cardplane.NoLimit:
			return invalid(field, code, "the limit %s cannot be %d:%d; give numbers from 0, or %d for no limit", u.Name, u.Soft, u.Hard, cardplane.NoLimit)
		case u.Hard != cardplane.NoLimit && (u.Soft == cardplane.NoLimit || u.Soft > u.Hard):
			return invalid(field+"/soft", code, "the limit %s has a soft value, %d, over its hard one, %d; make it smaller", u.Name, u.Soft, u.Hard)
		case u.Name == "nofile" && (u.Hard == cardplane.NoLimit || u.Hard > cardplane.MaxFiles):
			return invalid(field+"/hard", code, "a process cannot have %d open files; give up to %d", u.Hard, cardplane.MaxFiles)
		}
		names = append(names, u.Name)
	}
	return nil
}

func checkSysctls(spec cardplane.ContainerSpec) error {
	const field, code = "/sysctls", "invalid_sysctl"
	for name := range spec.Sysctls {
		if !sysctlPattern.MatchString(name) {
			return invalid(field, code, "there is no kernel parameter %q; its name begins with fs, kernel, net, user or vm and has dots, as in net.core.somaxconn", name)
		}
		if name == "kernel.hostname" {
			return invalid(field, code, "the kernel parameter %q is the container's host name; set \"hostname\"", name)
		}
	}
	return checkStrings(field, keysAndValues(spec.Sysctls))
}

func checkSecurity(spec cardplane.ContainerSpec) error {
	s := spec.Security
	switch {
	case s.Seccomp != "" && s.Seccomp != cardplane.SeccompDefault && s.Seccomp != cardplane.SeccompUnconfined:
		return invalid("/security/seccomp", "invalid_seccomp", "the seccomp mode %q is unknown; use default or unconfined, or give a seccompProfile", s.Seccomp)
	case s.Seccomp == cardplane.SeccompUnconfined && s.SeccompProfile != nil:
		return invalid("/security/seccomp", "invalid_seccomp", "the container cannot be unconfined and have a seccomp profile; leave one out")
	}
	return nil
}
