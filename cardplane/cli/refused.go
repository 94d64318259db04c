package cli

import (
	"errors"
	"slices"

	"github.com/spf13/pflag"
)

// refusedFlag is a flag of docker's that a virtual machine cannot do. It is
// known, so that its user reads why and what to do, and hidden from the help.
type refusedFlag struct {
	name, short string
	// same are the values that ask for what is so anyway.
	same []string
	why  string
}

const (
	// The API refuses the same for the same reasons; the remedies differ.
	noHostNamespaces = "a container has a virtual machine of its own, which shares nothing with the compute host; leave it out"
	noHostFiles      = "directories of the compute host, the card or this machine cannot be shared with a virtual machine, by bind mount or virtiofs, because card and compute host have no file system in common; mount a volume, NAME:PATH, and copy files into it with `cardctl cp`"
	noHostDevices    = "devices of the compute host cannot be passed into a virtual machine; leave it out, and use --privileged for those of the virtual machine"
	noLinks          = "containers of a network find each other by name; put both on one with --network"
	noDNS            = "the card's resolvers are asked for names; change its --resolv-conf"
	noHostCgroups    = "a container is not in the compute host's cgroups; size its virtual machine with --memory and --cpus"
)

var refusedFlags = []refusedFlag{
	{name: "volumes-from", why: "there are no volumes without a name; give those of the other container with --volume"},
	{name: "device", why: noHostDevices},
	{name: "device-cgroup-rule", why: noHostDevices},
	{name: "gpus", why: noHostDevices},
	{name: "publish-all", short: "P", why: "name each port with --publish"},
	{name: "link", why: noLinks},
	{name: "dns", why: noDNS},
	{name: "dns-option", why: noDNS},
	{name: "dns-search", why: noDNS},
	{name: "pid", same: []string{"private"}, why: noHostNamespaces},
	{name: "ipc", same: []string{"private"}, why: noHostNamespaces},
	{name: "uts", same: []string{"private"}, why: noHostNamespaces},
	{name: "userns", same: []string{"private"}, why: noHostNamespaces},
	{name: "cgroupns", same: []string{"private"}, why: noHostNamespaces},
	{name: "cgroup-parent", why: noHostCgroups},
	{name: "cpu-shares", short: "c", why: noHostCgroups},
	{name: "blkio-weight", why: noHostCgroups},
	{name: "runtime", why: "every container runs under crun in a virtual machine; leave it out"},
}

func registerRefused(flags *pflag.FlagSet) {
	for _, f := range refusedFlags {
		flags.VarP(f, f.name, f.short, "")
		// It fails for a flag that is not there only.
		_ = flags.MarkHidden(f.name)
	}
}

// Set implements pflag.Value.
func (f refusedFlag) Set(value string) error {
	if slices.Contains(f.same, value) {
		return nil
	}
	return errors.New(f.why)
}

// String implements pflag.Value.
func (f refusedFlag) String() string { return "" }

// Type implements pflag.Value.
func (f refusedFlag) Type() string { return "value" }
