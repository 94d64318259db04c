package sandbox

import (
	"context"
	"slices"
	"time"

	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm"
)

// unplugTimeout bounds how long a guest may take to give an interface up.
const unplugTimeout = 30 * time.Second

// Refused reports whether err is an answer of the host, so that it is certain
// that what was asked for was not done.
func Refused(err error) bool {
	switch apierr.ClassOf(err) {
	case apierr.NotFound, apierr.FailedPrecondition, apierr.InvalidArgument, apierr.AlreadyExists, apierr.ResourceExhausted, apierr.NotSupported:
		return true
	}
	return false
}

// NICs returns the interfaces that the host has for the machine.
func (s *Sandbox) NICs(ctx context.Context) ([]hostapi.NamedNIC, error) {
	vm, err := s.manager.host.VM(ctx, s.id)
	if err != nil {
		return nil, Explain(err)
	}
	var list []hostapi.NamedNIC
	for _, nic := range vm.Nics {
		list = append(list, hostapi.NamedNIC{Name: nic.Name, Spec: nic.Spec})
	}
	return list, nil
}

// Plug gives the running machine an interface. It may be repeated.
func (s *Sandbox) Plug(ctx context.Context, nic hostapi.NamedNIC) error {
	made, err := s.manager.host.PutNIC(ctx, s.id, nic.Name, nic.Spec)
	if err != nil {
		return Explain(err)
	}
	handle := vmm.New(s.dialVMM)
	defer handle.Close()
	if has, err := hasNet(ctx, handle, nic.Name); has || err != nil {
		return Explain(err)
	}
	_, err = handle.AddNet(ctx, netDevice(made))
	return Explain(err)
}

// Unplug takes an interface from the running machine. It may be repeated.
func (s *Sandbox) Unplug(ctx context.Context, name string) error {
	handle := vmm.New(s.dialVMM)
	defer handle.Close()
	late, cancel := context.WithTimeout(ctx, unplugTimeout)
	defer cancel()
	for retry := guestclient.NewBackoff(); ; {
		has, err := hasNet(late, handle, name)
		if err == nil && !has {
			break
		}
		if err == nil {
			err = handle.RemoveDevice(late, name)
		}
		if retry.Wait(late) == nil {
			continue
		}
		if err == nil {
			err = apierr.New(apierr.Unavailable, "interface_not_released", "the guest has not given its interface %s up; try again", name)
		}
		return Explain(err)
	}
	return Explain(s.manager.host.DeleteNIC(ctx, s.id, name))
}

// hasNet reports whether the VMM has an interface of that name.
func hasNet(ctx context.Context, handle *vmm.VMM, name string) (bool, error) {
	info, err := handle.Info(ctx)
	return slices.ContainsFunc(info.Config.Net, func(n chapi.NetConfig) bool { return n.Id == name }), err
}
