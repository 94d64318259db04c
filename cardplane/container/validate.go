package container

import (
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/ocispec"
	"github.com/cardplane/cardplane/openapi/apierr"
)

const (
	mib = 1 << 20
	// hugePage is the size of a huge page, in bytes.
	hugePage = 2 << 20
	// maxStrings bounds a command line, an environment or labels in bytes,
	// well under what the agent takes in one request.
	maxStrings = 1 << 20
	// hostTimeout bounds the look at the host's memory.
	hostTimeout = 2 * time.Second
)

var (
	namePattern     = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$`)
	hostnamePattern = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,62}[a-zA-Z0-9])?$`)
)

func invalid(field, code, format string, args ...any) error {
	return apierr.New(apierr.InvalidArgument, code, format, args...).At(field)
}

// complete checks spec and fills in the defaults of its resources.
func (s *Service) complete(ctx context.Context, spec cardplane.ContainerSpec) (cardplane.ContainerSpec, error) {
	if err := checkNames(spec); err != nil {
		return spec, err
	}
	if err := checkProcess(spec); err != nil {
		return spec, err
	}
	if err := checkVolumes(spec); err != nil {
		return spec, err
	}
	spec, err := completeContents(spec)
	if err != nil {
		return spec, err
	}
	if spec.Ports, err = completeNetworks(spec.Networks, spec.Ports); err != nil {
		return spec, err
	}
	if err := checkOptions(spec); err != nil {
		return spec, err
	}
	if spec, err = s.completeSize(spec); err != nil {
		return spec, err
	}
	if spec.Logs, err = completeLogs(spec.Logs); err != nil {
		return spec, err
	}
	if err := checkRestart(spec); err != nil {
		return spec, err
	}
	return spec, s.checkHostMemory(ctx, spec.Resources.MemoryBytes)
}

func checkRestart(spec cardplane.ContainerSpec) error {
	const field, code = "/restartPolicy", "invalid_restart_policy"
	p := spec.Restart
	switch p.Mode {
	case "", cardplane.RestartNever, cardplane.RestartOnFailure, cardplane.RestartAlways, cardplane.RestartUnlessStopped:
	default:
		return invalid(field+"/mode", code, "the restart policy %q is unknown; use no, on-failure, always or unless-stopped", p.Mode)
	}
	if p.MaxRetries < 0 || p.MaxRetries > 0 && p.Mode != cardplane.RestartOnFailure {
		return invalid(field+"/maxRetries", code, "%d retries are not possible with the restart policy %q; give a number from 1, with on-failure", p.MaxRetries, p.Mode)
	}
	if spec.AutoRemove && !p.Never() {
		return invalid(field, code, "a container that removes itself cannot be started again; leave out autoRemove or the restart policy")
	}
	return nil
}

func completeLogs(l cardplane.LogPolicy) (cardplane.LogPolicy, error) {
	if l.FileBytes == 0 {
		l.FileBytes = cardplane.DefaultLogFileBytes
	}
	if l.Files == 0 {
		l.Files = cardplane.DefaultLogFiles
	}
	if l.FileBytes < cardplane.MinLogFileBytes || l.FileBytes > cardplane.MaxLogFileBytes {
		return l, invalid("/logs/maxFileBytes", "invalid_logs", "a log file of %d bytes is not possible; ask for %d to %d", l.FileBytes, int64(cardplane.MinLogFileBytes), int64(cardplane.MaxLogFileBytes))
	}
	if l.Files < 1 || l.Files > cardplane.MaxLogFiles {
		return l, invalid("/logs/maxFiles", "invalid_logs", "%d log files are not possible; ask for 1 to %d", l.Files, cardplane.MaxLogFiles)
	}
	return l, nil
}

func checkNames(spec cardplane.ContainerSpec) error {
	if spec.Image == "" {
		return invalid("/image", "missing_image", "the field \"image\" is empty; name an image of `cardctl images`")
	}
	if spec.Name != "" {
		if err := checkName("/name", spec.Name); err != nil {
			return err
		}
	}
	if spec.Hostname != "" && !hostnamePattern.MatchString(spec.Hostname) {
		return invalid("/hostname", "invalid_hostname", "the host name %q is not usable; use up to 64 letters, digits, '.' and '-', the first and last a letter or digit", spec.Hostname)
	}
	return checkStrings("/labels", keysAndValues(spec.Labels))
}

func checkName(field, name string) error {
	if !namePattern.MatchString(name) {
		return invalid(field, "invalid_name", "the name %q is not usable; use up to 63 letters, digits, '_', '.' and '-', the first a letter or digit", name)
	}
	return nil
}

func checkProcess(spec cardplane.ContainerSpec) error {
	if err := checkEnv("/env", spec.Env); err != nil {
		return err
	}
	if err := checkWorkingDir(spec.WorkingDir); err != nil {
		return err
	}
	if spec.StopSignal != "" {
		if _, err := ocispec.ParseSignal(spec.StopSignal); err != nil {
			return apierr.From(err).At("/stopSignal")
		}
	}
	if err := checkStrings("/entrypoint", spec.Entrypoint); err != nil {
		return err
	}
	if err := checkStrings("/user", []string{spec.User}); err != nil {
		return err
	}
	return checkStrings("/command", spec.Command)
}

func checkEnv(field string, env map[string]string) error {
	for key := range env {
		if key == "" || strings.ContainsAny(key, "=\x00") {
			return invalid(field, "invalid_env", "the environment variable name %q is not usable; it must not be empty or hold '='", key)
		}
	}
	return checkStrings(field, keysAndValues(env))
}

func checkWorkingDir(dir string) error {
	if dir != "" && !strings.HasPrefix(dir, "/") {
		return invalid("/workingDir", "invalid_working_dir", "the working directory %q is not absolute; begin it with '/'", dir)
	}
	return checkStrings("/workingDir", []string{dir})
}

// checkStrings refuses what no process can be given.
func checkStrings(field string, list []string) error {
	total := 0
	for _, item := range list {
		total += len(item)
		if strings.ContainsRune(item, 0) {
			return invalid(field, "invalid_text", "the field %q holds a zero byte; remove it", strings.TrimPrefix(field, "/"))
		}
	}
	if total > maxStrings {
		return invalid(field, "too_long", "the field %q has %d bytes; the most is %d", strings.TrimPrefix(field, "/"), total, maxStrings)
	}
	return nil
}

func keysAndValues(m map[string]string) []string {
	list := make([]string, 0, 2*len(m))
	for k, v := range m {
		list = append(list, k, v)
	}
	return list
}

// completeResources checks and completes the size of a machine and what a
// container may use in it.
func completeResources(r cardplane.Resources) (cardplane.Resources, error) {
	r, err := completeOwn(r)
	if err != nil {
		return r, err
	}
	return completeMachine(r)
}

// completeOwn does so for what a container has for itself in any machine.
func completeOwn(r cardplane.Resources) (cardplane.Resources, error) {
	if r.StorageBytes == 0 {
		r.StorageBytes = cardplane.DefaultStorageBytes
	}
	if r.StorageBytes < cardplane.MinStorageBytes || r.StorageBytes > cardplane.MaxStorageBytes {
		return r, invalid("/resources/storageBytes", "invalid_storage", "a writable layer of %d bytes is not possible; ask for %d to %d", r.StorageBytes, int64(cardplane.MinStorageBytes), int64(cardplane.MaxStorageBytes))
	}
	if r.PidsLimit < 0 || r.PidsLimit > cardplane.MaxPids {
		return r, invalid("/resources/pidsLimit", "invalid_pids_limit", "a limit of %d processes is not possible; ask for 1 to %d, or 0 for none", r.PidsLimit, cardplane.MaxPids)
	}
	return r, nil
}

// completeMachine does so for the size of a machine.
func completeMachine(r cardplane.Resources) (cardplane.Resources, error) {
	if r.VCPUs == 0 {
		r.VCPUs = cardplane.DefaultVCPUs
	}
	if r.MemoryBytes == 0 {
		r.MemoryBytes = cardplane.DefaultMemoryBytes
	}
	switch {
	case r.VCPUs < 1 || r.VCPUs > cardplane.MaxVCPUs:
		return r, invalid("/resources/vcpus", "invalid_vcpus", "%d virtual CPUs are not possible; ask for 1 to %d", r.VCPUs, cardplane.MaxVCPUs)
	case r.MemoryBytes < cardplane.MinMemoryBytes:
		return r, invalid("/resources/memoryBytes", "memory_too_small", "%d bytes of memory are too few for a virtual machine; ask for at least %d (%d MiB)", r.MemoryBytes, cardplane.MinMemoryBytes, cardplane.MinMemoryBytes/mib)
	}
	if _, err := cardplane.ParseCPUSet(r.CPUSet); err != nil {
		return r, invalid("/resources/cpuset", "invalid_cpuset", "%w", err)
	}
	unit := int64(mib)
	if r.HugePages {
		unit = hugePage
	}
	if up := r.MemoryBytes % unit; up != 0 && r.MemoryBytes < 1<<62 {
		r.MemoryBytes += unit - up
	}
	return r, nil
}

// checkHostMemory refuses what the host can never give. A host that is away
// is asked again at the start.
func (s *Service) checkHostMemory(ctx context.Context, want int64) error {
	ctx, cancel := context.WithTimeout(ctx, hostTimeout)
	defer cancel()
	host, err := s.cfg.Sandboxes.Host().Host(ctx)
	if err != nil {
		s.log.WithError(err).Debug("the host's memory is not known")
		return nil
	}
	if want > host.MemoryBytes {
		return invalid("/resources/memoryBytes", "memory_too_large",
			"%d bytes of memory are more than the compute host has (%d); ask for less", want, host.MemoryBytes)
	}
	return nil
}
