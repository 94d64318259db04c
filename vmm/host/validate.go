package host

import (
	"errors"
	"regexp"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/network"
)

// Bounds that the document sets.
const (
	maxAttachments = 64
	maxLabels      = 64
	maxLabel       = 4096
	maxVCPUs       = 8192
	blankUnit      = 4096
	maxBlank       = 1 << 40
)

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// checkID refuses what is no name. Names become file names.
func checkID(kind, id string) error {
	if idPattern.MatchString(id) {
		return nil
	}
	return apierr.New(apierr.InvalidArgument, "invalid_id",
		"%.100q is no %s id; give 1 to 64 letters, digits, '_', '.' or '-', the first a letter or digit", id, kind)
}

// normalSpec returns spec checked and in the form in which two equal
// specifications are equal.
func normalSpec(spec *hostapi.VMSpec, hostMemory int64) (hostapi.VMSpec, error) {
	if spec == nil {
		return hostapi.VMSpec{}, apierr.New(apierr.InvalidArgument, "bad_request", "the request has no body; send a VMSpec")
	}
	out := *spec
	if out.Vmm == "" {
		out.Vmm = hostapi.VMMChoiceAuto
	}
	if out.Attachments == nil {
		out.Attachments = []hostapi.Attachment{}
	}
	if out.Labels == nil {
		out.Labels = map[string]string{}
	}
	if err := checkMemory(out.MemoryBytes, hostMemory); err != nil {
		return out, err
	}
	if out.Vcpus < 0 || out.Vcpus > maxVCPUs {
		return out, apierr.New(apierr.InvalidArgument, "invalid_vcpus",
			"vcpus %d is out of range; give 0 to %d", out.Vcpus, maxVCPUs).At("/vcpus")
	}
	if out.HostCpus == nil {
		out.HostCpus = []int{}
	}
	if err := checkHostCPUs(out.HostCpus); err != nil {
		return out, err
	}
	if err := checkHugePages(out); err != nil {
		return out, err
	}
	if err := checkLabels(out.Labels); err != nil {
		return out, err
	}
	for _, n := range out.Nics {
		if err := errors.Join(checkID("interface", n.Name), checkID("network", n.Spec.Network)); err != nil {
			return out, err
		}
	}
	var err error
	if out.Nics, err = network.NormalNICs(out.Nics); err != nil {
		return out, err
	}
	if out.Snapshot != nil {
		if err := checkID("snapshot", *out.Snapshot); err != nil {
			return out, err
		}
	}
	return out, checkAttachments(out.Attachments)
}

func checkMemory(want, have int64) error {
	if want < 0 {
		return apierr.New(apierr.InvalidArgument, "invalid_memory",
			"memoryBytes %d is negative; give a number of bytes", want).At("/memoryBytes")
	}
	if want > have {
		return apierr.New(apierr.ResourceExhausted, "host_memory_exceeded",
			"memoryBytes %d is more than the %d bytes that the host has; ask for less", want, have).At("/memoryBytes")
	}
	return nil
}

func checkLabels(labels map[string]string) error {
	if len(labels) > maxLabels {
		return apierr.New(apierr.InvalidArgument, "invalid_labels",
			"%d labels are too many; give at most %d", len(labels), maxLabels).At("/labels")
	}
	for name, value := range labels {
		if len(name) > maxLabel || len(value) > maxLabel {
			return apierr.New(apierr.InvalidArgument, "invalid_labels",
				"label %.40q has more than %d bytes", name, maxLabel).At("/labels")
		}
	}
	return nil
}

func checkAttachments(attachments []hostapi.Attachment) error {
	if len(attachments) > maxAttachments {
		return invalidAttachment("%d attachments are too many; give at most %d", len(attachments), maxAttachments)
	}
	seen := map[string]bool{}
	for _, a := range attachments {
		if err := checkAttachment(a); err != nil {
			return err
		}
		if seen[a.Name] {
			return invalidAttachment("attachment %q is named twice; choose another name", a.Name)
		}
		seen[a.Name] = true
	}
	return nil
}

func checkAttachment(a hostapi.Attachment) error {
	switch {
	case !idPattern.MatchString(a.Name):
		return invalidAttachment("%.100q is no attachment name; give 1 to 64 letters, digits, '_', '.' or '-'", a.Name)
	case count(a.Blob != nil, a.Disk != nil, a.BlankBytes != nil) != 1:
		return invalidAttachment("attachment %q needs a blob, a disk or blankBytes, and only one of them", a.Name)
	case a.Blob != nil && !a.Readonly:
		return invalidAttachment("attachment %q is a blob and so read-only; set readonly, or make a disk from the blob", a.Name)
	case a.Disk != nil:
		return checkID("disk", *a.Disk)
	case a.BlankBytes != nil:
		return checkBlank(a.Name, *a.BlankBytes)
	}
	return nil
}

func checkBlank(name string, size int64) error {
	if size < blankUnit || size > maxBlank || size%blankUnit != 0 {
		return invalidAttachment("attachment %q has blankBytes %d; give a multiple of %d, at most %d", name, size, blankUnit, int64(maxBlank))
	}
	return nil
}

// count returns how many of the conditions hold.
func count(conditions ...bool) int {
	n := 0
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}

func invalidAttachment(format string, args ...any) error {
	return apierr.New(apierr.InvalidArgument, "invalid_attachment", format, args...).At("/attachments")
}
