package apimodel

import (
	"reflect"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

// optionsToAPI puts the options that are structures into out.
func optionsToAPI(s cardplane.ContainerSpec, out *cardapi.ContainerSpec) {
	out.Hosts = optionalEach(s.Hosts, hostToAPI)
	out.Tmpfs = optionalEach(s.Tmpfs, tmpfsToAPI)
	out.Ulimits = optionalEach(s.Ulimits, ulimitToAPI)
	if !reflect.ValueOf(s.Security).IsZero() {
		out.Security = securityToAPI(s.Security)
	}
}

func hostToAPI(h cardplane.HostEntry) cardapi.HostEntry {
	return cardapi.HostEntry{Name: h.Name, Address: h.Address}
}

func hostFromAPI(h cardapi.HostEntry) cardplane.HostEntry {
	return cardplane.HostEntry{Name: h.Name, Address: h.Address}
}

func tmpfsToAPI(t cardplane.Tmpfs) cardapi.Tmpfs {
	return cardapi.Tmpfs{
		Path: t.Path, SizeBytes: optional(t.SizeBytes), Mode: optional(t.Mode), Uid: optional(int64(t.UID)),
		Gid: optional(int64(t.GID)), ReadOnly: optional(t.ReadOnly), Exec: optional(t.Exec), Suid: optional(t.SUID),
	}
}

func tmpfsFromAPI(t cardapi.Tmpfs) cardplane.Tmpfs {
	return cardplane.Tmpfs{
		Path: t.Path, SizeBytes: value(t.SizeBytes), Mode: value(t.Mode), UID: uint32(value(t.Uid)),
		GID: uint32(value(t.Gid)), ReadOnly: value(t.ReadOnly), Exec: value(t.Exec), SUID: value(t.Suid),
	}
}

func ulimitToAPI(u cardplane.Ulimit) cardapi.Ulimit {
	return cardapi.Ulimit{Name: cardapi.UlimitName(u.Name), Soft: u.Soft, Hard: u.Hard}
}

func ulimitFromAPI(u cardapi.Ulimit) cardplane.Ulimit {
	return cardplane.Ulimit{Name: string(u.Name), Soft: u.Soft, Hard: u.Hard}
}

func securityToAPI(s cardplane.Security) *cardapi.Security {
	out := &cardapi.Security{
		Privileged: optional(s.Privileged), CapAdd: optionalSlice(s.CapAdd), CapDrop: optionalSlice(s.CapDrop),
		NoNewPrivileges: optional(s.NoNewPrivileges), Seccomp: optional(cardapi.SecuritySeccomp(s.Seccomp)),
	}
	if s.SeccompProfile != nil {
		out.SeccompProfile = &s.SeccompProfile
	}
	return out
}

func securityFromAPI(s cardapi.Security) cardplane.Security {
	return cardplane.Security{
		Privileged: value(s.Privileged), CapAdd: value(s.CapAdd), CapDrop: value(s.CapDrop),
		NoNewPrivileges: value(s.NoNewPrivileges), Seccomp: cardplane.SeccompMode(value(s.Seccomp)),
		SeccompProfile: value(s.SeccompProfile),
	}
}
