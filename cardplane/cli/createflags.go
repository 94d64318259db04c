package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cardplane/cardplane/cardplane"
)

// createFlags are the flags that describe a container, common to run and
// create.
type createFlags struct {
	flags                   *pflag.FlagSet
	name, workdir, user     string
	hostname, entrypoint    string
	sandbox                 string
	memory, cpus, storage   string
	cpuset                  string
	stopSignal              string
	pids                    int64
	env, labels, logOptions []string
	volumes, mounts         []string
	contents                contentFlags
	networks                networkFlags
	restart                 string
	interactive, tty        bool
	remove, readOnly        bool
	hugePages               bool
	options                 optionFlags
	health                  healthFlags
}

func (f *createFlags) register(flags *pflag.FlagSet) {
	f.flags = flags
	flags.SetInterspersed(false)
	flags.StringVar(&f.name, "name", "", "name of the container")
	flags.StringVar(&f.sandbox, "sandbox", "", "run in the virtual machine of this sandbox, beside its other containers")
	flags.StringArrayVarP(&f.env, "env", "e", nil, "set KEY=VALUE, or KEY from cardctl's environment")
	flags.StringVarP(&f.workdir, "workdir", "w", "", "working directory")
	flags.StringVarP(&f.user, "user", "u", "", "name, uid, name:group or uid:gid")
	flags.StringVar(&f.hostname, "hostname", "", "host name")
	flags.StringVar(&f.entrypoint, "entrypoint", "", "replace the image's entrypoint; empty clears it")
	flags.StringVarP(&f.memory, "memory", "m", "", "memory of the virtual machine, such as 512m or 1g; in a sandbox the most that the container may use")
	flags.StringVar(&f.cpus, "cpus", "", "number of virtual CPUs")
	flags.StringVar(&f.cpuset, "cpuset-cpus", "", "CPUs of the compute host that the virtual CPUs may run on, such as 0-3,8")
	flags.Int64Var(&f.pids, "pids-limit", 0, "number of processes and threads at most; 0 or -1 is without a limit")
	flags.BoolVar(&f.hugePages, "hugepages", false, "back the memory by huge pages of the compute host")
	flags.StringVar(&f.storage, "storage-size", "", "size limit of the writable layer, such as 10g")
	flags.BoolVar(&f.readOnly, "read-only", false, "make the root file system read-only")
	flags.StringArrayVarP(&f.labels, "label", "l", nil, "set the label KEY or KEY=VALUE")
	flags.StringArrayVarP(&f.volumes, "volume", "v", nil, "mount a volume, NAME:PATH or NAME:PATH:ro; one that does not exist is created")
	flags.StringArrayVar(&f.mounts, "mount", nil, "mount a volume: type=volume,source=NAME,target=PATH[,volume-subpath=DIR][,readonly]")
	f.contents.register(flags)
	f.networks.register(flags)
	flags.StringVar(&f.stopSignal, "stop-signal", "", "signal that asks the program to end")
	flags.BoolVarP(&f.interactive, "interactive", "i", false, "keep stdin open")
	flags.BoolVarP(&f.tty, "tty", "t", false, "give the program a terminal")
	flags.StringVar(&f.restart, "restart", "no", "start it again after its end: no, on-failure[:TIMES], always or unless-stopped")
	flags.BoolVar(&f.remove, "rm", false, "remove the container once it has ended")
	flags.StringArrayVar(&f.logOptions, "log-opt", nil, "max-size=20m, max-file=5, or mode=non-blocking to drop the oldest output instead of blocking the program while the control plane is away")
	f.options.register(flags)
	f.health.register(flags)
	registerRefused(flags)
}

// spec returns the specification that the flags and the arguments IMAGE
// [COMMAND...] describe.
func (f *createFlags) spec(args []string, getenv func(string) string) (cardplane.ContainerSpec, error) {
	spec := cardplane.ContainerSpec{
		Image: args[0], Name: f.name, WorkingDir: f.workdir, User: f.user, Hostname: f.hostname, Sandbox: f.sandbox,
		ReadOnlyRoot: f.readOnly, TTY: f.tty, Stdin: f.interactive, AutoRemove: f.remove, StopSignal: f.stopSignal,
		Env: environment(f.env, getenv),
	}
	if len(args) > 1 {
		spec.Command = args[1:]
	}
	if f.flags.Changed("entrypoint") {
		spec.Entrypoint = []string{}
		if f.entrypoint != "" {
			spec.Entrypoint = []string{f.entrypoint}
		}
	}
	spec.Labels = labelMap(f.labels)
	var err error
	if spec.Volumes, err = volumeMounts(f.volumes, f.mounts); err != nil {
		return spec, err
	}
	if err := f.contents.apply(&spec); err != nil {
		return spec, err
	}
	if spec.Networks, spec.Ports, err = f.networks.parse(); err != nil {
		return spec, err
	}
	if spec.Restart, err = parseRestart(f.restart); err != nil {
		return spec, fmt.Errorf("--restart: %w", err)
	}
	if err := parseLogOptions(f.logOptions, &spec.Logs); err != nil {
		return spec, fmt.Errorf("--log-opt: %w", err)
	}
	if spec.Healthcheck, err = f.health.healthcheck(); err != nil {
		return spec, err
	}
	if err := f.options.apply(f.flags, &spec, getenv); err != nil {
		return spec, err
	}
	return spec, f.resources(&spec.Resources)
}

func (f *createFlags) resources(r *cardplane.Resources) error {
	var err error
	r.CPUSet, r.HugePages = f.cpuset, f.hugePages
	if f.memory != "" {
		if r.MemoryBytes, err = parseSize(f.memory); err != nil {
			return fmt.Errorf("--memory: %w", err)
		}
	}
	if f.pids > 0 { // docker's -1 is no limit, as 0 is
		r.PidsLimit = f.pids
	}
	if f.storage != "" {
		if r.StorageBytes, err = parseSize(f.storage); err != nil {
			return fmt.Errorf("--storage-size: %w", err)
		}
	}
	if f.cpus != "" {
		if r.VCPUs, err = parseCPUs(f.cpus); err != nil {
			return fmt.Errorf("--cpus: %w", err)
		}
	}
	return nil
}

// labelMap returns the labels that entries KEY or KEY=VALUE set.
func labelMap(entries []string) map[string]string {
	var out map[string]string
	for _, entry := range entries {
		if out == nil {
			out = make(map[string]string)
		}
		key, value, _ := strings.Cut(entry, "=")
		out[key] = value
	}
	return out
}

// environment returns the variables that -e flags set. A KEY alone takes its
// value from cardctl's own environment, where it has one.
func environment(entries []string, getenv func(string) string) map[string]string {
	var out map[string]string
	for _, entry := range entries {
		key, value, ok := strings.Cut(entry, "=")
		if !ok {
			value = getenv(key)
		}
		if !ok && value == "" {
			continue
		}
		if out == nil {
			out = make(map[string]string)
		}
		out[key] = value
	}
	return out
}
