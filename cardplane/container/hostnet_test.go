package container_test

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// hostNet is what a world's compute host has of networks, in memory: nothing of
// it reaches the machine's own network. It outlives control planes.
type hostNet struct {
	mu       sync.Mutex
	lack     string // why there are none
	networks map[string]hostapi.NetworkSpec
	forwards map[string]hostapi.Forward
	nics     map[string]map[string]hostapi.NICSpec // by machine and name
}

func newHostNet() *hostNet {
	return &hostNet{
		networks: make(map[string]hostapi.NetworkSpec), forwards: make(map[string]hostapi.Forward),
		nics: make(map[string]map[string]hostapi.NICSpec),
	}
}

// left counts what there is.
func (n *hostNet) left() (networks, forwards, nics int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.networks), len(n.forwards), len(n.nics)
}

// lose forgets what a host forgets that is started anew, but for machines.
func (n *hostNet) lose() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.networks)
	clear(n.forwards)
}

func (n *hostNet) plug(vm, name string, spec hostapi.NICSpec) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.networks[spec.Network]; !ok {
		return apierr.New(apierr.NotFound, "network_not_found", "there is no network %s", spec.Network)
	}
	if n.nics[vm] == nil {
		n.nics[vm] = make(map[string]hostapi.NICSpec)
	}
	n.nics[vm][name] = spec
	return nil
}

func (n *hostNet) of(vm string) []hostapi.NIC {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := []hostapi.NIC{}
	for _, name := range slices.Sorted(maps.Keys(n.nics[vm])) {
		list = append(list, hostapi.NIC{Name: name, Spec: n.nics[vm][name], Tap: "tap-" + name, Mtu: 1500})
	}
	return list
}

func (h *faultyHost) Host(ctx context.Context) (hostapi.Host, error) {
	host, err := h.realHost.Host(ctx)
	host.Networks = hostapi.Capability{Available: h.net.lack == "", Reason: h.net.lack}
	return host, err
}

func (h *faultyHost) Networks(context.Context) (list hostapi.NetworkList, _ error) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	for id, spec := range h.net.networks {
		list.Networks = append(list.Networks, hostapi.Network{Id: id, Spec: spec})
	}
	list.UsedPrefixes = []hostapi.UsedPrefix{{Prefix: "10.88.0.0/24", By: "the address 10.88.0.9 of eth0"}}
	return list, nil
}

func (h *faultyHost) PutNetwork(_ context.Context, id string, spec hostapi.NetworkSpec) (hostapi.Network, error) {
	return guarded(h, "PutNetwork", func() (hostapi.Network, error) {
		h.net.mu.Lock()
		defer h.net.mu.Unlock()
		h.net.networks[id] = spec
		return hostapi.Network{Id: id, Spec: spec}, nil
	})
}

func (h *faultyHost) DeleteNetwork(_ context.Context, id string) error {
	_, err := guarded(h, "DeleteNetwork", func() (struct{}, error) {
		h.net.mu.Lock()
		defer h.net.mu.Unlock()
		for vm, nics := range h.net.nics {
			for _, spec := range nics {
				if spec.Network == id {
					return struct{}{}, apierr.New(apierr.FailedPrecondition, "network_in_use", "machine %s is on it", vm)
				}
			}
		}
		delete(h.net.networks, id)
		return struct{}{}, nil
	})
	return err
}

func (h *faultyHost) Forwards(context.Context) ([]hostapi.Forward, error) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	return slices.Collect(maps.Values(h.net.forwards)), nil
}

func (h *faultyHost) PutForward(_ context.Context, id string, spec hostapi.ForwardSpec) (hostapi.Forward, error) {
	return guarded(h, "PutForward", func() (hostapi.Forward, error) {
		h.net.mu.Lock()
		defer h.net.mu.Unlock()
		if f, ok := h.net.forwards[id]; ok {
			return f, nil
		}
		f := hostapi.Forward{Id: id, Spec: spec, HostPort: spec.HostPort}
		if f.HostPort == 0 {
			f.HostPort = 49152 + len(h.net.forwards)
		}
		for _, other := range h.net.forwards {
			if other.HostPort == f.HostPort && other.Spec.HostAddress == spec.HostAddress {
				return f, apierr.New(apierr.FailedPrecondition, "port_taken", "the port %d is taken by %s", f.HostPort, other.Id)
			}
		}
		h.net.forwards[id] = f
		return f, nil
	})
}

func (h *faultyHost) DeleteForward(_ context.Context, id string) error {
	_, err := guarded(h, "DeleteForward", func() (struct{}, error) {
		h.net.mu.Lock()
		defer h.net.mu.Unlock()
		delete(h.net.forwards, id)
		return struct{}{}, nil
	})
	return err
}

func (h *faultyHost) PutNIC(_ context.Context, vm, name string, spec hostapi.NICSpec) (hostapi.NIC, error) {
	return guarded(h, "PutNIC", func() (hostapi.NIC, error) {
		err := h.net.plug(vm, name, spec)
		return hostapi.NIC{Name: name, Spec: spec, Tap: "tap-" + name}, err
	})
}

func (h *faultyHost) DeleteNIC(_ context.Context, vm, name string) error {
	_, err := guarded(h, "DeleteNIC", func() (struct{}, error) {
		h.net.mu.Lock()
		defer h.net.mu.Unlock()
		delete(h.net.nics[vm], name)
		return struct{}{}, nil
	})
	return err
}

func (h *faultyHost) VM(ctx context.Context, id string) (hostapi.VM, error) {
	vm, err := h.realHost.VM(ctx, id)
	vm.Nics = h.net.of(id)
	return vm, err
}

// withNICs makes the interfaces of a machine that is about to be made by make.
func (h *faultyHost) withNICs(id string, spec hostapi.VMSpec, make func(hostapi.VMSpec) (hostapi.VM, error)) (hostapi.VM, error) {
	for _, nic := range spec.Nics {
		if err := h.net.plug(id, nic.Name, nic.Spec); err != nil {
			return hostapi.VM{}, err
		}
	}
	spec.Nics = nil
	vm, err := make(spec)
	vm.Nics = h.net.of(id)
	return vm, err
}

// unplug removes the interfaces of a machine that is gone.
func (n *hostNet) unplug(vm string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.nics, vm)
}
