package host

import (
	"context"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// ListSnapshots implements hostapi.StrictServerInterface.
func (a api) ListSnapshots(context.Context, hostapi.ListSnapshotsRequestObject) (hostapi.ListSnapshotsResponseObject, error) {
	list, err := a.saved.List()
	if err != nil {
		return nil, err
	}
	return hostapi.ListSnapshots200JSONResponse{Snapshots: list}, nil
}

// PutSnapshot implements hostapi.StrictServerInterface.
func (a api) PutSnapshot(_ context.Context, r hostapi.PutSnapshotRequestObject) (hostapi.PutSnapshotResponseObject, error) {
	if err := checkID("snapshot", r.Id); err != nil {
		return nil, err
	}
	if r.Body == nil {
		return nil, apierr.New(apierr.InvalidArgument, "bad_request", "the request has no body; send a SnapshotSpec")
	}
	if err := checkID("VM", r.Body.Vm); err != nil {
		return nil, err
	}
	made, err := a.saved.Put(r.Id, *r.Body, a.machines.Saved)
	if err != nil {
		return nil, err
	}
	return hostapi.PutSnapshot200JSONResponse(made), nil
}

// DeleteSnapshot implements hostapi.StrictServerInterface.
func (a api) DeleteSnapshot(_ context.Context, r hostapi.DeleteSnapshotRequestObject) (hostapi.DeleteSnapshotResponseObject, error) {
	if err := checkID("snapshot", r.Id); err != nil {
		return nil, err
	}
	if err := a.saved.Delete(r.Id); err != nil {
		return nil, err
	}
	return hostapi.DeleteSnapshot204Response{}, nil
}
