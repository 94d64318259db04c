package apimodel

import (
	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

// EventToAPI returns the API's form of an event.
func EventToAPI(e cardplane.Event) cardapi.Event {
	return cardapi.Event{
		Sequence: e.Sequence, Time: e.Time, Type: cardapi.EventType(e.Type), Subject: e.Subject,
		Name: optional(e.Name), Labels: optionalMap(e.Labels), Attributes: optionalMap(e.Attributes),
	}
}

// EventFromAPI returns the domain's form of an event.
func EventFromAPI(e cardapi.Event) cardplane.Event {
	return cardplane.Event{
		Sequence: e.Sequence, Time: e.Time, Type: cardplane.EventType(e.Type), Subject: e.Subject,
		Name: value(e.Name), Labels: value(e.Labels), Attributes: value(e.Attributes),
	}
}

// VersionToAPI returns the API's form of the versions.
func VersionToAPI(v cardplane.VersionInfo) cardapi.Version {
	return cardapi.Version{
		Version: v.Version, ApiVersion: v.APIVersion, GoVersion: v.GoVersion, Epoch: v.Epoch, GuestKernel: optional(v.GuestKernel),
		Host: cardapi.HostVersion{
			Reachable: v.Host.Reachable, Version: optional(v.Host.Version), Vmm: optional(v.Host.VMM), Detail: optional(v.Host.Detail),
			Networks: optional(cardapi.NetworkMode(v.Host.Networks)),
		},
	}
}

// VersionFromAPI returns the domain's form of the versions.
func VersionFromAPI(v cardapi.Version) cardplane.VersionInfo {
	return cardplane.VersionInfo{
		Version: v.Version, APIVersion: v.ApiVersion, GoVersion: v.GoVersion, Epoch: v.Epoch, GuestKernel: value(v.GuestKernel),
		Host: cardplane.HostVersion{
			Reachable: v.Host.Reachable, Version: value(v.Host.Version), VMM: value(v.Host.Vmm), Detail: value(v.Host.Detail),
			Networks: cardplane.NetworkMode(value(v.Host.Networks)),
		},
	}
}

// ChecksToAPI returns doctor's checks as a report.
func ChecksToAPI(checks []cardplane.Check) cardapi.DoctorReport {
	report := cardapi.DoctorReport{Healthy: true, Checks: each(checks, checkToAPI)}
	for _, c := range checks {
		report.Healthy = report.Healthy && c.Status != cardplane.CheckFail
	}
	return report
}

func checkToAPI(c cardplane.Check) cardapi.DoctorCheck {
	return cardapi.DoctorCheck{
		Where: cardapi.DoctorCheckWhere(c.Where), Name: c.Name, Status: cardapi.DoctorCheckStatus(c.Status),
		Detail: c.Detail, Remedy: optional(c.Remedy),
	}
}

// ChecksFromAPI returns the checks of a report.
func ChecksFromAPI(report cardapi.DoctorReport) []cardplane.Check {
	return each(report.Checks, func(c cardapi.DoctorCheck) cardplane.Check {
		return cardplane.Check{
			Where: string(c.Where), Name: c.Name, Status: cardplane.CheckStatus(c.Status), Detail: c.Detail, Remedy: value(c.Remedy),
		}
	})
}

// UsageToAPI returns what takes space as a report.
func UsageToAPI(usage []cardplane.DiskUsage) cardapi.DiskUsageReport {
	return cardapi.DiskUsageReport{Items: each(usage, func(u cardplane.DiskUsage) cardapi.DiskUsage {
		out := cardapi.DiskUsage{Kind: cardapi.DiskUsageKind(u.Kind), Where: cardapi.DiskUsageWhere(u.Where), Count: u.Count, Active: u.Active}
		if u.Known {
			out.SizeBytes, out.ReclaimableBytes = &u.Size, &u.Reclaimable
		}
		return out
	})}
}

// UsageFromAPI returns what takes space according to a report.
func UsageFromAPI(report cardapi.DiskUsageReport) []cardplane.DiskUsage {
	return each(report.Items, func(u cardapi.DiskUsage) cardplane.DiskUsage {
		return cardplane.DiskUsage{
			Kind: cardplane.UsageKind(u.Kind), Where: string(u.Where), Count: u.Count, Active: u.Active,
			Known: u.SizeBytes != nil, Size: value(u.SizeBytes), Reclaimable: value(u.ReclaimableBytes),
		}
	})
}

// ProblemToAPI returns the API's form of an error.
func ProblemToAPI(err error) cardapi.Problem {
	p := apierr.ToProblem(err)
	return cardapi.Problem{
		Type: p.Type, Title: p.Title, Status: p.Status, Detail: p.Detail, Class: cardapi.ProblemClass(p.Class),
		Code: p.Code, Field: optional(p.Field), Errors: fieldErrorsToAPI(p.Errors), Evidence: optionalSlice(p.Evidence),
	}
}

func fieldErrorsToAPI(list []apierr.FieldError) *[]cardapi.FieldError {
	if len(list) == 0 {
		return nil
	}
	out := each(list, func(f apierr.FieldError) cardapi.FieldError {
		return cardapi.FieldError{
			Pointer: optional(f.Pointer), Parameter: optional(f.Parameter), Code: f.Code, Detail: f.Detail, Value: optional(f.Value),
		}
	})
	return &out
}

func optionalProblem(err *apierr.Error) *cardapi.Problem {
	if err == nil {
		return nil
	}
	p := ProblemToAPI(err)
	return &p
}
