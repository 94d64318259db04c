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
	release, err := a.lendOrigin(r.Id, *r.Body)
	if err != nil {
		return nil, err
	}
	defer release()
	d, err := a.disks.Put(r.Id, *r.Body)
	if err != nil {
		return nil, err
	}
	return hostapi.PutDisk200JSONResponse(d), nil
}

// lendOrigin keeps VMs from writing to the disk that id is to be a copy of,
// until release. A copy that is there needs it no more.
func (a api) lendOrigin(id string, spec hostapi.DiskSpec) (release func(), err error) {
	if spec.FromDisk == nil {
		return func() {}, nil
	}
	if err := checkID("disk", *spec.FromDisk); err != nil {
		return nil, err
	}
	if _, err := a.disks.Get(id); err == nil {
		return func() {}, nil
	}
	writes := func(at hostapi.Attachment) bool { return at.Disk != nil && *at.Disk == *spec.FromDisk && !at.Readonly }
	attached := func(vmID string) error {
		return apierr.New(apierr.FailedPrecondition, "disk_attached",
			"disk %q can be written to by VM %q and cannot be copied; delete that VM first", *spec.FromDisk, vmID).At("/fromDisk")
	}
	err = a.machines.IfUnused(writes, attached, func() (err error) {
		release, err = a.disks.Lend(*spec.FromDisk)
		return err
	})
	return release, err
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
