package host

import (
	"context"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// PutAttachment implements hostapi.StrictServerInterface.
func (a api) PutAttachment(ctx context.Context, r hostapi.PutAttachmentRequestObject) (hostapi.PutAttachmentResponseObject, error) {
	if err := checkID("VM", r.Id); err != nil {
		return nil, err
	}
	if r.Body == nil {
		return nil, apierr.New(apierr.InvalidArgument, "bad_request", "the request has no body; send an AttachmentSpec")
	}
	attachment := hostapi.Attachment{Name: r.Name, Blob: r.Body.Blob, Disk: r.Body.Disk, Readonly: r.Body.Readonly}
	if err := checkAttachment(attachment); err != nil {
		return nil, err
	}
	vm, err := a.machines.Plug(ctx, r.Id, attachment)
	if err != nil {
		return nil, err
	}
	return hostapi.PutAttachment200JSONResponse(vm), nil
}

// DeleteAttachment implements hostapi.StrictServerInterface.
func (a api) DeleteAttachment(_ context.Context, r hostapi.DeleteAttachmentRequestObject) (hostapi.DeleteAttachmentResponseObject, error) {
	if err := a.machines.Unplug(r.Id, r.Name); err != nil {
		return nil, err
	}
	return hostapi.DeleteAttachment204Response{}, nil
}
