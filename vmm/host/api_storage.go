package host

import (
	"context"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/blob"
)

// ListBlobs implements hostapi.StrictServerInterface.
func (a api) ListBlobs(context.Context, hostapi.ListBlobsRequestObject) (hostapi.ListBlobsResponseObject, error) {
	blobs, err := a.blobs.List()
	if err != nil {
		return nil, err
	}
	return hostapi.ListBlobs200JSONResponse{Blobs: blobs}, nil
}

// GetBlob implements hostapi.StrictServerInterface.
func (a api) GetBlob(_ context.Context, r hostapi.GetBlobRequestObject) (hostapi.GetBlobResponseObject, error) {
	b, err := a.blobs.Stat(r.Digest)
	if err != nil {
		return nil, err
	}
	return hostapi.GetBlob200JSONResponse(b), nil
}

// PutBlob implements hostapi.StrictServerInterface.
func (a api) PutBlob(_ context.Context, r hostapi.PutBlobRequestObject) (hostapi.PutBlobResponseObject, error) {
	run := blob.Run{Offset: r.Params.Offset, Body: r.Body}
	if r.Params.Zeros != nil {
		run.Zeros = *r.Params.Zeros
	}
	b, err := a.blobs.Append(r.Digest, r.Params.Size, run)
	if err != nil {
		return nil, err
	}
	return hostapi.PutBlob200JSONResponse(b), nil
}

// DeleteBlob implements hostapi.StrictServerInterface.
func (a api) DeleteBlob(_ context.Context, r hostapi.DeleteBlobRequestObject) (hostapi.DeleteBlobResponseObject, error) {
	uses := func(at hostapi.Attachment) bool { return at.Blob != nil && *at.Blob == r.Digest }
	inUse := func(vmID string) error {
		return apierr.New(apierr.FailedPrecondition, "blob_in_use",
			"blob %s is attached to VM %q; delete that VM first", r.Digest, vmID)
	}
	if err := a.machines.IfUnused(uses, inUse, func() error { return a.blobs.Delete(r.Digest) }); err != nil {
		return nil, err
	}
	return hostapi.DeleteBlob204Response{}, nil
}

// ListDisks implements hostapi.StrictServerInterface.
func (a api) ListDisks(context.Context, hostapi.ListDisksRequestObject) (hostapi.ListDisksResponseObject, error) {
	disks, err := a.disks.List()
	if err != nil {
		return nil, err
	}
	return hostapi.ListDisks200JSONResponse{Disks: disks}, nil
}

// GetDisk implements hostapi.StrictServerInterface.
func (a api) GetDisk(_ context.Context, r hostapi.GetDiskRequestObject) (hostapi.GetDiskResponseObject, error) {
	if err := checkID("disk", r.Id); err != nil {
		return nil, err
	}
	d, err := a.disks.Get(r.Id)
	if err != nil {
		return nil, err
	}
	return hostapi.GetDisk200JSONResponse(d), nil
}

// PutDisk implements hostapi.StrictServerInterface.
func (a api) PutDisk(_ context.Context, r hostapi.PutDiskRequestObject) (hostapi.PutDiskResponseObject, error) {
	if err := checkID("disk", r.Id); err != nil {
		return nil, err
	}
	if r.Body == nil {
		return nil, apierr.New(apierr.InvalidArgument, "bad_request", "the request has no body; send a DiskSpec")
	}
	d, err := a.disks.Put(r.Id, *r.Body)
	if err != nil {
		return nil, err
	}
	return hostapi.PutDisk200JSONResponse(d), nil
}

// DeleteDisk implements hostapi.StrictServerInterface.
func (a api) DeleteDisk(_ context.Context, r hostapi.DeleteDiskRequestObject) (hostapi.DeleteDiskResponseObject, error) {
	if err := checkID("disk", r.Id); err != nil {
		return nil, err
	}
	uses := func(at hostapi.Attachment) bool { return at.Disk != nil && *at.Disk == r.Id }
	inUse := func(vmID string) error {
		return apierr.New(apierr.FailedPrecondition, "disk_in_use",
			"disk %q is attached to VM %q; delete that VM first", r.Id, vmID)
	}
	if err := a.machines.IfUnused(uses, inUse, func() error { return a.disks.Delete(r.Id) }); err != nil {
		return nil, err
	}
	return hostapi.DeleteDisk204Response{}, nil
}
