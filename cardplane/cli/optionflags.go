package cli

import (
	"fmt"
	"strings"

	"github.com/docker/cli/pkg/kvfile"
	"github.com/spf13/pflag"

	"github.com/cardplane/cardplane/cardplane"
)

// optionFlags are the flags for what few containers need, called as docker
// calls them.
type optionFlags struct {
	envFiles, labelFiles          []string
	annotations, sysctls, ulimits []string
	tmpfs, groups, hosts          []string
	capAdd, capDrop, securityOpts []string
	shmSize                       string
	stopTimeout                   int
	init, privileged              bool
}

func (f *optionFlags) register(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.envFiles, "env-file", nil, "set the variables of a file, a line KEY=VALUE or KEY for each")
	flags.StringArrayVar(&f.labelFiles, "label-file", nil, "set the labels of a file, a line KEY=VALUE for each")
	flags.StringArrayVar(&f.annotations, "annotation", nil, "hand KEY=VALUE on to the OCI runtime")
	flags.StringArrayVar(&f.sysctls, "sysctl", nil, "set a parameter of the guest's kernel, such as net.core.somaxconn=1024")
	flags.StringArrayVar(&f.ulimits, "ulimit", nil, "limit each process: NAME=SOFT[:HARD], such as nofile=1024:4096; -1 is no limit")
	flags.StringArrayVar(&f.tmpfs, "tmpfs", nil, "mount a file system in memory: PATH[:size=64m,mode=1777,uid=0,gid=0,ro,exec,suid]")
	flags.StringVar(&f.shmSize, "shm-size", "", "size limit of /dev/shm (default 64m)")
	flags.StringArrayVar(&f.groups, "group-add", nil, "add a group to the program's, by name or number")
	flags.StringArrayVar(&f.hosts, "add-host", nil, "add NAME:ADDRESS to /etc/hosts")
	flags.StringArrayVar(&f.capAdd, "cap-add", nil, "add a capability, or ALL")
	flags.StringArrayVar(&f.capDrop, "cap-drop", nil, "take away a capability, or ALL")
	flags.BoolVar(&f.privileged, "privileged", false, "give the program all that the virtual machine's kernel lets it do")
	flags.StringArrayVar(&f.securityOpts, "security-opt", nil, "seccomp=default, seccomp=unconfined, seccomp=FILE or no-new-privileges")
	flags.IntVar(&f.stopTimeout, "stop-timeout", 0, "grace period of a stop, in seconds (default 10)")
	flags.BoolVar(&f.init, "init", false, "run the program under a small init that passes signals on and reaps orphans")
}

// apply puts what the flags describe into spec, where -e and -l have put theirs
// and win.
func (f *optionFlags) apply(flags *pflag.FlagSet, spec *cardplane.ContainerSpec, getenv func(string) string) error {
	spec.Groups, spec.Init = f.groups, f.init
	if flags.Changed("stop-timeout") {
		spec.StopSeconds = &f.stopTimeout
	}
	for _, part := range []struct {
		flag  string
		parse func(*cardplane.ContainerSpec) error
	}{
		{"--env-file", func(s *cardplane.ContainerSpec) error { return readFiles(&s.Env, f.envFiles, getenv) }},
		{"--label-file", func(s *cardplane.ContainerSpec) error { return readFiles(&s.Labels, f.labelFiles, nil) }},
		{"--annotation", func(s *cardplane.ContainerSpec) (err error) { s.Annotations, err = pairs(f.annotations); return err }},
		{"--sysctl", func(s *cardplane.ContainerSpec) (err error) { s.Sysctls, err = pairs(f.sysctls); return err }},
		{"--ulimit", func(s *cardplane.ContainerSpec) (err error) {
			s.Ulimits, err = parseEach(f.ulimits, parseUlimit)
			return err
		}},
		{"--tmpfs", func(s *cardplane.ContainerSpec) (err error) {
			s.Tmpfs, err = parseEach(f.tmpfs, parseTmpfs)
			return err
		}},
		{"--add-host", func(s *cardplane.ContainerSpec) (err error) { s.Hosts, err = parseEach(f.hosts, parseHost); return err }},
		{"--shm-size", f.applyShm},
		{"--security-opt", f.applySecurity},
	} {
		if err := part.parse(spec); err != nil {
			return fmt.Errorf("%s: %w", part.flag, err)
		}
	}
	return nil
}

func (f *optionFlags) applyShm(spec *cardplane.ContainerSpec) (err error) {
	if f.shmSize != "" {
		spec.ShmBytes, err = parseSize(f.shmSize)
	}
	return err
}

func (f *optionFlags) applySecurity(spec *cardplane.ContainerSpec) error {
	spec.Security = cardplane.Security{Privileged: f.privileged, CapAdd: f.capAdd, CapDrop: f.capDrop}
	for _, option := range f.securityOpts {
		if err := parseSecurityOption(option, &spec.Security); err != nil {
			return fmt.Errorf("%q: %w", option, err)
		}
	}
	return nil
}

// readFiles adds what files of KEY=VALUE lines set to what is set already, and
// wins. A KEY alone takes its value from getenv, where it has one.
func readFiles(set *map[string]string, files []string, getenv func(string) string) error {
	lookup := func(key string) (string, bool) {
		value := getenv(key)
		return value, value != ""
	}
	if getenv == nil {
		lookup = nil
	}
	all := map[string]string{}
	for _, file := range files {
		lines, err := kvfile.Parse(file, lookup)
		if err != nil {
			return err
		}
		for _, line := range lines {
			key, value, _ := strings.Cut(line, "=")
			all[key] = value
		}
	}
	for key, value := range *set {
		all[key] = value
	}
	if len(all) > 0 {
		*set = all
	}
	return nil
}

// pairs reads entries of KEY=VALUE.
func pairs(entries []string) (map[string]string, error) {
	var out map[string]string
	for _, entry := range entries {
		key, value, ok := strings.Cut(entry, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("%q has no value; write KEY=VALUE", entry)
		}
		if out == nil {
			out = make(map[string]string)
		}
		out[key] = value
	}
	return out, nil
}

// parseEach parses every entry.
func parseEach[T any](entries []string, parse func(string) (T, error)) ([]T, error) {
	var out []T
	for _, entry := range entries {
		v, err := parse(entry)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", entry, err)
		}
		out = append(out, v)
	}
	return out, nil
}
