package link

import (
	"context"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// Networks returns all networks of the host, and the prefixes that it uses
// itself.
func (l *Link) Networks(ctx context.Context) (hostapi.NetworkList, error) {
	return apierr.Decode[hostapi.NetworkList](l.client.ListNetworks(ctx))
}

// Network returns a network. Errors: network_not_found.
func (l *Link) Network(ctx context.Context, id string) (hostapi.Network, error) {
	return apierr.Decode[hostapi.Network](l.client.GetNetwork(ctx, id))
}

// PutNetwork makes a network, or returns the one that is the same.
func (l *Link) PutNetwork(ctx context.Context, id string, spec hostapi.NetworkSpec) (hostapi.Network, error) {
	return apierr.Decode[hostapi.Network](l.client.PutNetwork(ctx, id, spec))
}

// DeleteNetwork removes a network. Errors: network_in_use.
func (l *Link) DeleteNetwork(ctx context.Context, id string) error {
	return apierr.Done(l.client.DeleteNetwork(ctx, id))
}

// PutNIC makes a network interface for a VM, or returns the one that is the
// same. The VMM is told of it by the caller.
func (l *Link) PutNIC(ctx context.Context, vm, name string, spec hostapi.NICSpec) (hostapi.NIC, error) {
	return apierr.Decode[hostapi.NIC](l.client.PutNIC(ctx, vm, name, spec))
}

// DeleteNIC removes a network interface that the VMM has given up.
func (l *Link) DeleteNIC(ctx context.Context, vm, name string) error {
	return apierr.Done(l.client.DeleteNIC(ctx, vm, name))
}

// Forwards returns all forwards of the host.
func (l *Link) Forwards(ctx context.Context) ([]hostapi.Forward, error) {
	list, err := apierr.Decode[hostapi.ForwardList](l.client.ListForwards(ctx))
	return list.Forwards, err
}

// PutForward leads a port of the host into a network, or returns the forward
// that is the same.
func (l *Link) PutForward(ctx context.Context, id string, spec hostapi.ForwardSpec) (hostapi.Forward, error) {
	return apierr.Decode[hostapi.Forward](l.client.PutForward(ctx, id, spec))
}

// DeleteForward removes a forward.
func (l *Link) DeleteForward(ctx context.Context, id string) error {
	return apierr.Done(l.client.DeleteForward(ctx, id))
}
