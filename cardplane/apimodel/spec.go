package apimodel

import (
	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

// SpecToAPI returns the API's form of a container's specification.
func SpecToAPI(s cardplane.ContainerSpec) cardapi.ContainerSpec {
	out := cardapi.ContainerSpec{
		Image:        s.Image,
		Name:         optional(s.Name),
		Entrypoint:   optionalSlice(s.Entrypoint),
		Command:      optionalSlice(s.Command),
		Env:          optionalMap(s.Env),
		WorkingDir:   optional(s.WorkingDir),
		User:         optional(s.User),
		Sandbox:      optional(s.Sandbox),
		Hostname:     optional(s.Hostname),
		Labels:       optionalMap(s.Labels),
		Resources:    resourcesToAPI(s.Resources),
		ReadOnlyRoot: optional(s.ReadOnlyRoot),
		Tty:          optional(s.TTY),
		Stdin:        optional(s.Stdin),
		TerminalSize: optionalSize(s.TerminalSize),
		AutoRemove:   optional(s.AutoRemove),
		StopSignal:   optional(s.StopSignal),
		Annotations:  optionalMap(s.Annotations),
		Groups:       optionalSlice(s.Groups),
		Init:         optional(s.Init),
		ShmBytes:     optional(s.ShmBytes),
		Sysctls:      optionalMap(s.Sysctls),

		StopTimeoutSeconds: s.StopSeconds,
		Healthcheck:        healthcheckToAPI(s.Healthcheck),
		Volumes:            mountsToAPI(s.Volumes),
		Configs:            optionalEach(s.Configs, contentToAPI),
		Secrets:            optionalEach(s.Secrets, contentToAPI),
		Networks:           nicsToAPI(s.Networks),
		Ports:              optionalEach(s.Ports, portToAPI),
	}
	optionsToAPI(s, &out)
	if p := s.Restart; p != (cardplane.RestartPolicy{}) {
		out.RestartPolicy = &cardapi.RestartPolicy{
			Mode: optional(cardapi.RestartPolicyMode(p.Mode)), MaxRetries: optional(int32(p.MaxRetries)),
		}
	}
	if s.Logs != (cardplane.LogPolicy{}) {
		out.Logs = logsToAPI(s.Logs)
	}
	return out
}

func restartFromAPI(p cardapi.RestartPolicy) cardplane.RestartPolicy {
	return cardplane.RestartPolicy{Mode: cardplane.RestartMode(value(p.Mode)), MaxRetries: int(value(p.MaxRetries))}
}

func logsToAPI(l cardplane.LogPolicy) *cardapi.LogPolicy {
	out := &cardapi.LogPolicy{MaxFileBytes: optional(l.FileBytes), MaxFiles: optional(int32(l.Files))}
	if l.DropWhenFull {
		out.WhenFull = optional(cardapi.Drop)
	}
	return out
}

func logsFromAPI(l cardapi.LogPolicy) cardplane.LogPolicy {
	return cardplane.LogPolicy{
		DropWhenFull: value(l.WhenFull) == cardapi.Drop,
		FileBytes:    value(l.MaxFileBytes),
		Files:        int(value(l.MaxFiles)),
	}
}

// SpecFromAPI returns the domain's form of a container's specification.
func SpecFromAPI(s cardapi.ContainerSpec) cardplane.ContainerSpec {
	return cardplane.ContainerSpec{
		Image:        s.Image,
		Name:         value(s.Name),
		Entrypoint:   value(s.Entrypoint),
		Command:      value(s.Command),
		Env:          value(s.Env),
		WorkingDir:   value(s.WorkingDir),
		User:         value(s.User),
		Sandbox:      value(s.Sandbox),
		Hostname:     value(s.Hostname),
		Labels:       value(s.Labels),
		Resources:    resourcesFromAPI(value(s.Resources)),
		ReadOnlyRoot: value(s.ReadOnlyRoot),
		TTY:          value(s.Tty),
		Stdin:        value(s.Stdin),
		TerminalSize: SizeFromAPI(value(s.TerminalSize)),
		AutoRemove:   value(s.AutoRemove),
		StopSignal:   value(s.StopSignal),
		Restart:      restartFromAPI(value(s.RestartPolicy)),
		Healthcheck:  healthcheckFromAPI(s.Healthcheck),
		Logs:         logsFromAPI(value(s.Logs)),
		StopSeconds:  s.StopTimeoutSeconds,
		Annotations:  value(s.Annotations),
		Groups:       value(s.Groups),
		Init:         value(s.Init),
		Hosts:        eachOf(s.Hosts, hostFromAPI),
		ShmBytes:     value(s.ShmBytes),
		Tmpfs:        eachOf(s.Tmpfs, tmpfsFromAPI),
		Ulimits:      eachOf(s.Ulimits, ulimitFromAPI),
		Sysctls:      value(s.Sysctls),
		Security:     securityFromAPI(value(s.Security)),
		Volumes:      mountsFromAPI(s.Volumes),
		Configs:      eachOf(s.Configs, contentFromAPI),
		Secrets:      eachOf(s.Secrets, contentFromAPI),
		Networks:     nicsFromAPI(s.Networks),
		Ports:        eachOf(s.Ports, portFromAPI),
	}
}

func resourcesToAPI(r cardplane.Resources) *cardapi.Resources {
	if r == (cardplane.Resources{}) {
		return nil
	}
	return &cardapi.Resources{
		Vcpus:        optional(int32(r.VCPUs)),
		MemoryBytes:  optional(r.MemoryBytes),
		HugePages:    optional(r.HugePages),
		Cpuset:       optional(r.CPUSet),
		StorageBytes: optional(r.StorageBytes),
		PidsLimit:    optional(r.PidsLimit),
	}
}

func resourcesFromAPI(r cardapi.Resources) cardplane.Resources {
	return cardplane.Resources{
		VCPUs:        int(value(r.Vcpus)),
		MemoryBytes:  value(r.MemoryBytes),
		HugePages:    value(r.HugePages),
		CPUSet:       value(r.Cpuset),
		StorageBytes: value(r.StorageBytes),
		PidsLimit:    value(r.PidsLimit),
	}
}

func optionalSize(s cardplane.TerminalSize) *cardapi.TerminalSize {
	if s == (cardplane.TerminalSize{}) {
		return nil
	}
	out := SizeToAPI(s)
	return &out
}

// SizeToAPI returns the API's form of a terminal's size.
func SizeToAPI(s cardplane.TerminalSize) cardapi.TerminalSize {
	return cardapi.TerminalSize{Rows: int(s.Rows), Cols: int(s.Cols)}
}

// SizeFromAPI returns the domain's form of a terminal's size, which must be
// within the bounds of the document.
func SizeFromAPI(s cardapi.TerminalSize) cardplane.TerminalSize {
	return cardplane.TerminalSize{Rows: uint16(s.Rows), Cols: uint16(s.Cols)}
}

// ExecSpecToAPI returns the API's form of an exec's specification.
func ExecSpecToAPI(s cardplane.ExecSpec) cardapi.ExecSpec {
	return cardapi.ExecSpec{
		Command:      list(s.Command),
		Env:          optionalMap(s.Env),
		WorkingDir:   optional(s.WorkingDir),
		User:         optional(s.User),
		Tty:          optional(s.TTY),
		Stdin:        optional(s.Stdin),
		TerminalSize: optionalSize(s.TerminalSize),
	}
}

// ExecSpecFromAPI returns the domain's form of an exec's specification.
func ExecSpecFromAPI(s cardapi.ExecSpec) cardplane.ExecSpec {
	return cardplane.ExecSpec{
		Command:      s.Command,
		Env:          value(s.Env),
		WorkingDir:   value(s.WorkingDir),
		User:         value(s.User),
		TTY:          value(s.Tty),
		Stdin:        value(s.Stdin),
		TerminalSize: SizeFromAPI(value(s.TerminalSize)),
	}
}
