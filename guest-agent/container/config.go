package container

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/cardplane/cardplane/guest-agent/stdio"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

const (
	// defaultOutputBuffer bounds an output stream's buffer, in bytes.
	defaultOutputBuffer = 1 << 20
	maxOutputBuffer     = 1 << 30
	maxFiles            = 64
	maxFileBytes        = 1 << 20
	maxVolumes          = 16
	maxSerial           = 20 // virtio specification 1.2, section 5.2.6.1
	maxTerminal         = 0xffff
	maxFileMode         = 0o777
	maxID               = 64
	// minHealthSeconds and maxHealthSeconds bound the times of a health check.
	minHealthSeconds = 0.001
	maxHealthSeconds = 31536000
)

func invalid(field, format string, args ...any) error {
	return apierr.New(apierr.InvalidArgument, "invalid_config", format, args...).At(field)
}

// checkID checks an id against the document's pattern, without the half
// hundredth of a second that a regular expression costs the agent's start.
func checkID(id string) error {
	odd := func(r rune) bool { return !alphanumeric(r) && r != '_' && r != '.' && r != '-' }
	if id == "" || len(id) > maxID || !alphanumeric(rune(id[0])) || strings.ContainsFunc(id, odd) {
		return apierr.New(apierr.InvalidArgument, "bad_request",
			"%q is no id; an id has up to %d of A-Z a-z 0-9 _ . - and begins with a letter or a digit", id, maxID)
	}
	return nil
}

func alphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

func checkContainer(c *guestapi.ContainerConfig) error {
	if c.Spec.Process == nil {
		return invalid("/spec/process", "the spec has no process")
	}
	if err := checkProcess("/spec/process", c.Spec.Process); err != nil {
		return err
	}
	if err := checkRootfs(&c.Rootfs); err != nil {
		return err
	}
	if err := checkFiles(c.Files); err != nil {
		return err
	}
	if err := checkVolumes(c.Volumes); err != nil {
		return err
	}
	if err := checkLive(c); err != nil {
		return err
	}
	if err := checkHealth(c.Healthcheck); err != nil {
		return err
	}
	return checkStreams(c.Stdin, c.OutputBufferBytes, c.WhenFull, c.Terminal)
}

// checkHealth checks a health check. One without a command is none.
func checkHealth(h guestapi.Healthcheck) error {
	if len(h.Command) == 0 {
		return nil
	}
	if h.Command[0] == "" {
		return invalid("/healthcheck/command", "the health check has no program")
	}
	for _, d := range []struct {
		field   string
		seconds float64
		zero    bool
	}{
		{"intervalSeconds", h.IntervalSeconds, false}, {"timeoutSeconds", h.TimeoutSeconds, false},
		{"startPeriodSeconds", h.StartPeriodSeconds, true}, {"startIntervalSeconds", h.StartIntervalSeconds, false},
	} {
		if d.zero && d.seconds == 0 {
			continue
		}
		if !(d.seconds >= minHealthSeconds && d.seconds <= maxHealthSeconds) {
			return invalid("/healthcheck/"+d.field, "%v seconds are not possible; give %v to %v", d.seconds, minHealthSeconds, maxHealthSeconds)
		}
	}
	if h.Retries < 1 {
		return invalid("/healthcheck/retries", "%d retries are not possible; give a number from 1", h.Retries)
	}
	return nil
}

func checkProcess(field string, p *specs.Process) error {
	if len(p.Args) == 0 || p.Args[0] == "" {
		return invalid(field+"/args", "the process has no command")
	}
	if !path.IsAbs(p.Cwd) {
		return invalid(field+"/cwd", "the working directory %q is not an absolute path", p.Cwd)
	}
	return nil
}

func checkRootfs(r *guestapi.Rootfs) error {
	if err := checkSerial("/rootfs/image/device", r.Image.Device); err != nil {
		return err
	}
	switch r.Writable.Kind {
	case guestapi.WritableDisk:
		return checkSerial("/rootfs/writable/device", r.Writable.Device)
	case guestapi.WritableTmpfs:
		if r.Writable.SizeBytes < 0 {
			return invalid("/rootfs/writable/sizeBytes", "a tmpfs cannot have %d bytes", r.Writable.SizeBytes)
		}
		return nil
	case guestapi.WritableNone:
		return nil
	}
	return invalid("/rootfs/writable/kind", "%q is none of disk, tmpfs and none", r.Writable.Kind)
}

func checkSerial(field, serial string) error {
	if serial == "" || len(serial) > maxSerial {
		return invalid(field, "%q is no virtio-blk serial; it has 1 to %d bytes", serial, maxSerial)
	}
	return nil
}

func checkFiles(files []guestapi.File) error {
	if len(files) > maxFiles {
		return invalid("/files", "%d files are too many; there may be %d", len(files), maxFiles)
	}
	total := 0
	for i, f := range files {
		field := fmt.Sprintf("/files/%d", i)
		if err := checkPath(field+"/path", f.Path); err != nil {
			return err
		}
		if f.Mode < 0 || f.Mode > maxFileMode {
			return invalid(field+"/mode", "%d is no file mode; it is 0 to %d (0777)", f.Mode, maxFileMode)
		}
		total += len(f.ContentBase64)
	}
	if total > maxFileBytes {
		return invalid("/files", "%d bytes of files are too many; there may be %d", total, maxFileBytes)
	}
	return nil
}

func checkVolumes(volumes []guestapi.Volume) error {
	if len(volumes) > maxVolumes {
		return invalid("/volumes", "%d volumes are too many; there may be %d", len(volumes), maxVolumes)
	}
	for i, v := range volumes {
		if err := checkVolume(fmt.Sprintf("/volumes/%d", i), v); err != nil {
			return err
		}
	}
	return nil
}

func checkVolume(field string, v guestapi.Volume) error {
	if err := checkSerial(field+"/device", v.Device); err != nil {
		return err
	}
	if err := checkPath(field+"/path", v.Path); err != nil {
		return err
	}
	if v.Subpath != "" && !filepath.IsLocal(v.Subpath) {
		return invalid(field+"/subpath", "%q is not a path within a volume", v.Subpath)
	}
	if v.Subpath != "" && v.Raw {
		return invalid(field+"/subpath", "a raw volume has no directory %q; leave it out", v.Subpath)
	}
	return nil
}

// checkPath checks a place in a container.
func checkPath(field, p string) error {
	if !path.IsAbs(p) || path.Clean(p) != p || p == "/" {
		return invalid(field, "%q is not a clean absolute path below /", p)
	}
	return nil
}

func checkStreams(stdin guestapi.StdinMode, buffer int64, full guestapi.WhenFull, size guestapi.TerminalSize) error {
	switch {
	case stdin != "" && !stdin.Valid():
		return invalid("/stdin", "%q is neither open nor closed", stdin)
	case full != "" && !full.Valid():
		return invalid("/whenFull", "%q is neither block nor drop", full)
	case buffer < 0 || buffer > maxOutputBuffer:
		return invalid("/outputBufferBytes", "a buffer cannot have %d bytes; it may have up to %d", buffer, maxOutputBuffer)
	case !inUint16(size.Rows) || !inUint16(size.Cols):
		return invalid("/terminal", "a terminal cannot have %d rows and %d columns; use 0 to %d", size.Rows, size.Cols, maxTerminal)
	}
	return nil
}

func streamOptions(terminal bool, stdin guestapi.StdinMode, buffer int64, full guestapi.WhenFull, news *news) stdio.Options {
	opts := stdio.Options{Terminal: terminal, StdinOpen: stdin == guestapi.StdinOpen, Limit: buffer, News: news.announce}
	if opts.Limit == 0 {
		opts.Limit = defaultOutputBuffer
	}
	if full == guestapi.WhenFullDrop {
		opts.WhenFull = stdio.Drop
	}
	return opts
}

// consoleSize returns p with its terminal's first size set.
func consoleSize(p specs.Process, size guestapi.TerminalSize) *specs.Process {
	if p.Terminal && size.Rows > 0 && size.Cols > 0 {
		p.ConsoleSize = &specs.Box{Height: uint(size.Rows), Width: uint(size.Cols)}
	}
	return &p
}

// runtimeSpec returns the spec that the runtime gets: the card's, with the
// root, the extra mounts, the cgroup and the terminal's size filled in.
func runtimeSpec(id string, config *guestapi.ContainerConfig, root Root) *specs.Spec {
	spec := config.Spec
	spec.Root = &specs.Root{Path: root.Path}
	if config.Spec.Root != nil {
		spec.Root.Readonly = config.Spec.Root.Readonly
	}
	if config.Rootfs.Writable.Kind == guestapi.WritableNone {
		spec.Root.Readonly = true
	}
	spec.Mounts = append(spec.Mounts[:len(spec.Mounts):len(spec.Mounts)], root.Mounts...)
	linux := specs.Linux{}
	if config.Spec.Linux != nil {
		linux = *config.Spec.Linux
	}
	linux.CgroupsPath = "/containers/" + id
	linux.Resources = withDevices(linux.Resources, root.Devices)
	spec.Linux = &linux
	spec.Process = consoleSize(*config.Spec.Process, config.Terminal)
	if config.Init {
		underInit(&spec)
	}
	return &spec
}

// withDevices returns resources with further rules for devices.
func withDevices(resources *specs.LinuxResources, rules []specs.LinuxDeviceCgroup) *specs.LinuxResources {
	if len(rules) == 0 {
		return resources
	}
	var out specs.LinuxResources
	if resources != nil {
		out = *resources
	}
	out.Devices = slices.Concat(out.Devices, rules)
	return &out
}

const (
	// initProgram is the guest's small init.
	initProgram = "/usr/bin/tini-static"
	// initPath is where a container finds it: in a file system of its own, so
	// that no trace of it is left in the writable layer.
	initPath = "/dev/init"
)

// underInit has the process run by the guest's init.
func underInit(spec *specs.Spec) {
	spec.Mounts = append(spec.Mounts, specs.Mount{
		Destination: initPath, Type: "bind", Source: initProgram, Options: []string{"bind", "rprivate", "nosuid", "nodev", "ro"},
	})
	spec.Process.Args = append([]string{initPath, "--"}, spec.Process.Args...)
}
