package apimodel

import (
	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

// UpdateToAPI returns the API's form of an update.
func UpdateToAPI(u cardplane.ContainerUpdate) cardapi.ContainerUpdate {
	var out cardapi.ContainerUpdate
	if u.Labels != nil {
		out.Labels = &u.Labels
	}
	if u.Restart != nil {
		out.RestartPolicy = &cardapi.RestartPolicy{
			Mode: optional(cardapi.RestartPolicyMode(u.Restart.Mode)), MaxRetries: optional(int32(u.Restart.MaxRetries)),
		}
	}
	r := cardapi.ResourcesUpdate{MemoryBytes: u.MemoryBytes, PidsLimit: u.PidsLimit}
	if u.VCPUs != nil {
		n := int32(*u.VCPUs)
		r.Vcpus = &n
	}
	if r != (cardapi.ResourcesUpdate{}) {
		out.Resources = &r
	}
	return out
}

// UpdateFromAPI returns the domain's form of an update.
func UpdateFromAPI(u cardapi.ContainerUpdate) cardplane.ContainerUpdate {
	out := cardplane.ContainerUpdate{Labels: value(u.Labels)}
	if u.RestartPolicy != nil {
		p := restartFromAPI(*u.RestartPolicy)
		out.Restart = &p
	}
	r := value(u.Resources)
	out.MemoryBytes, out.PidsLimit = r.MemoryBytes, r.PidsLimit
	if r.Vcpus != nil {
		n := int(*r.Vcpus)
		out.VCPUs = &n
	}
	return out
}
