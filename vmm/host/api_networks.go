package host

import (
	"context"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// noNetworks is why this host has no networks.
func noNetworks() error {
	return apierr.New(apierr.NotSupported, "network_unavailable", "this host cannot make networks: %s; %s", noNetworksReason, noNetworksRemedy)
}

const noNetworksReason, noNetworksRemedy = "this vmmd makes none", "install a newer one"

// ListNetworks implements hostapi.StrictServerInterface.
func (a api) ListNetworks(context.Context, hostapi.ListNetworksRequestObject) (hostapi.ListNetworksResponseObject, error) {
	return hostapi.ListNetworks200JSONResponse{Networks: []hostapi.Network{}, UsedPrefixes: []hostapi.UsedPrefix{}}, nil
}

// GetNetwork implements hostapi.StrictServerInterface.
func (a api) GetNetwork(context.Context, hostapi.GetNetworkRequestObject) (hostapi.GetNetworkResponseObject, error) {
	return nil, noNetworks()
}

// PutNetwork implements hostapi.StrictServerInterface.
func (a api) PutNetwork(context.Context, hostapi.PutNetworkRequestObject) (hostapi.PutNetworkResponseObject, error) {
	return nil, noNetworks()
}

// DeleteNetwork implements hostapi.StrictServerInterface.
func (a api) DeleteNetwork(context.Context, hostapi.DeleteNetworkRequestObject) (hostapi.DeleteNetworkResponseObject, error) {
	return hostapi.DeleteNetwork204Response{}, nil
}

// PutNIC implements hostapi.StrictServerInterface.
func (a api) PutNIC(context.Context, hostapi.PutNICRequestObject) (hostapi.PutNICResponseObject, error) {
	return nil, noNetworks()
}

// DeleteNIC implements hostapi.StrictServerInterface.
func (a api) DeleteNIC(context.Context, hostapi.DeleteNICRequestObject) (hostapi.DeleteNICResponseObject, error) {
	return hostapi.DeleteNIC204Response{}, nil
}

// ListForwards implements hostapi.StrictServerInterface.
func (a api) ListForwards(context.Context, hostapi.ListForwardsRequestObject) (hostapi.ListForwardsResponseObject, error) {
	return hostapi.ListForwards200JSONResponse{Forwards: []hostapi.Forward{}}, nil
}

// PutForward implements hostapi.StrictServerInterface.
func (a api) PutForward(context.Context, hostapi.PutForwardRequestObject) (hostapi.PutForwardResponseObject, error) {
	return nil, noNetworks()
}

// DeleteForward implements hostapi.StrictServerInterface.
func (a api) DeleteForward(context.Context, hostapi.DeleteForwardRequestObject) (hostapi.DeleteForwardResponseObject, error) {
	return hostapi.DeleteForward204Response{}, nil
}
