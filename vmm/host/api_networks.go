package host

import (
	"context"
	"errors"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// capability is lack as the document has it; nil is no lack.
func capability(lack *hostapi.Capability) hostapi.Capability {
	if lack == nil {
		return hostapi.Capability{Available: true}
	}
	return *lack
}

// ListNetworks implements hostapi.StrictServerInterface.
func (a api) ListNetworks(context.Context, hostapi.ListNetworksRequestObject) (hostapi.ListNetworksResponseObject, error) {
	list, err := a.networks.List()
	if err != nil {
		return nil, err
	}
	return hostapi.ListNetworks200JSONResponse(list), nil
}

// GetNetwork implements hostapi.StrictServerInterface.
func (a api) GetNetwork(_ context.Context, r hostapi.GetNetworkRequestObject) (hostapi.GetNetworkResponseObject, error) {
	n, err := a.networks.Get(r.Id)
	if err != nil {
		return nil, err
	}
	return hostapi.GetNetwork200JSONResponse(n), nil
}

// PutNetwork implements hostapi.StrictServerInterface.
func (a api) PutNetwork(_ context.Context, r hostapi.PutNetworkRequestObject) (hostapi.PutNetworkResponseObject, error) {
	if err := checkID("network", r.Id); err != nil {
		return nil, err
	}
	if r.Body == nil {
		return nil, noBody("NetworkSpec")
	}
	n, err := a.networks.Put(r.Id, *r.Body)
	if err != nil {
		return nil, err
	}
	return hostapi.PutNetwork200JSONResponse(n), nil
}

// DeleteNetwork implements hostapi.StrictServerInterface.
func (a api) DeleteNetwork(_ context.Context, r hostapi.DeleteNetworkRequestObject) (hostapi.DeleteNetworkResponseObject, error) {
	if err := checkID("network", r.Id); err != nil {
		return nil, err
	}
	if err := a.networks.Delete(r.Id); err != nil {
		return nil, err
	}
	return hostapi.DeleteNetwork204Response{}, nil
}

// PutNIC implements hostapi.StrictServerInterface.
func (a api) PutNIC(_ context.Context, r hostapi.PutNICRequestObject) (hostapi.PutNICResponseObject, error) {
	if err := errors.Join(checkID("VM", r.Id), checkID("interface", r.Name)); err != nil {
		return nil, err
	}
	if r.Body == nil {
		return nil, noBody("NICSpec")
	}
	nic, err := a.machines.PlugNIC(r.Id, hostapi.NamedNIC{Name: r.Name, Spec: *r.Body})
	if err != nil {
		return nil, err
	}
	return hostapi.PutNIC200JSONResponse(nic), nil
}

// DeleteNIC implements hostapi.StrictServerInterface.
func (a api) DeleteNIC(_ context.Context, r hostapi.DeleteNICRequestObject) (hostapi.DeleteNICResponseObject, error) {
	if err := errors.Join(checkID("VM", r.Id), checkID("interface", r.Name)); err != nil {
		return nil, err
	}
	if err := a.networks.Unplug(r.Id, r.Name); err != nil {
		return nil, err
	}
	return hostapi.DeleteNIC204Response{}, nil
}

// ListForwards implements hostapi.StrictServerInterface.
func (a api) ListForwards(context.Context, hostapi.ListForwardsRequestObject) (hostapi.ListForwardsResponseObject, error) {
	return hostapi.ListForwards200JSONResponse{Forwards: a.networks.Forwards()}, nil
}

// PutForward implements hostapi.StrictServerInterface.
func (a api) PutForward(_ context.Context, r hostapi.PutForwardRequestObject) (hostapi.PutForwardResponseObject, error) {
	if err := checkID("forward", r.Id); err != nil {
		return nil, err
	}
	if r.Body == nil {
		return nil, noBody("ForwardSpec")
	}
	f, err := a.networks.PutForward(r.Id, *r.Body)
	if err != nil {
		return nil, err
	}
	return hostapi.PutForward200JSONResponse(f), nil
}

// DeleteForward implements hostapi.StrictServerInterface.
func (a api) DeleteForward(_ context.Context, r hostapi.DeleteForwardRequestObject) (hostapi.DeleteForwardResponseObject, error) {
	if err := checkID("forward", r.Id); err != nil {
		return nil, err
	}
	if err := a.networks.DeleteForward(r.Id); err != nil {
		return nil, err
	}
	return hostapi.DeleteForward204Response{}, nil
}

func noBody(schema string) error {
	return apierr.New(apierr.InvalidArgument, "bad_request", "the request has no body; send a %s", schema)
}
