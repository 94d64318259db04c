package httpapi

import (
	"context"
	"net/http"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

func (s *server) ListVolumes(ctx context.Context, r cardapi.ListVolumesRequestObject) (cardapi.ListVolumesResponseObject, error) {
	all, err := s.Volumes.List(ctx, cardplane.VolumeFilter{Labels: value(r.Params.Label), Names: value(r.Params.Name)})
	if err != nil {
		return nil, err
	}
	items, next, err := page(all, r.Params.Limit, r.Params.Cursor, func(v cardplane.Volume) position {
		return position{at: v.CreatedAt, id: v.ID}
	})
	if err != nil {
		return nil, err
	}
	return cardapi.ListVolumes200JSONResponse{Items: each(items, apimodel.VolumeToAPI), NextCursor: next}, nil
}

func (s *server) CreateVolume(ctx context.Context, r cardapi.CreateVolumeRequestObject) (cardapi.CreateVolumeResponseObject, error) {
	v, err := s.Volumes.Create(ctx, apimodel.VolumeSpecFromAPI(*r.Body), value(r.Params.IdempotencyKey))
	if err != nil {
		return nil, err
	}
	return cardapi.CreateVolume201JSONResponse(apimodel.VolumeToAPI(v)), nil
}

func (s *server) GetVolume(ctx context.Context, r cardapi.GetVolumeRequestObject) (cardapi.GetVolumeResponseObject, error) {
	v, err := s.Volumes.Get(ctx, r.Volume)
	if err != nil {
		return nil, err
	}
	return cardapi.GetVolume200JSONResponse(apimodel.VolumeToAPI(v)), nil
}

func (s *server) UpdateVolume(ctx context.Context, r cardapi.UpdateVolumeRequestObject) (cardapi.UpdateVolumeResponseObject, error) {
	v, err := s.Volumes.Resize(ctx, r.Volume, r.Body.SizeBytes)
	if err != nil {
		return nil, err
	}
	return cardapi.UpdateVolume200JSONResponse(apimodel.VolumeToAPI(v)), nil
}

func (s *server) PruneVolumes(ctx context.Context, r cardapi.PruneVolumesRequestObject) (cardapi.PruneVolumesResponseObject, error) {
	pruned, err := s.Volumes.Prune(ctx, apimodel.VolumePruneFromAPI(value(r.Body)))
	if err != nil {
		return nil, err
	}
	return cardapi.PruneVolumes200JSONResponse{Deleted: append([]string{}, pruned.IDs...), ReclaimedBytes: pruned.Bytes}, nil
}

func (s *server) DeleteVolume(ctx context.Context, r cardapi.DeleteVolumeRequestObject) (cardapi.DeleteVolumeResponseObject, error) {
	if err := s.Volumes.Remove(ctx, r.Volume); err != nil {
		return nil, err
	}
	return cardapi.DeleteVolume204Response{}, nil
}

func (s *server) AttachVolume(ctx context.Context, r cardapi.AttachVolumeRequestObject) (cardapi.AttachVolumeResponseObject, error) {
	c, err := s.Containers.AttachVolume(ctx, r.Container, apimodel.MountFromAPI(r.Volume, *r.Body))
	if err != nil {
		return nil, err
	}
	return cardapi.AttachVolume200JSONResponse(apimodel.ContainerToAPI(c)), nil
}

func (s *server) DetachVolume(ctx context.Context, r cardapi.DetachVolumeRequestObject) (cardapi.DetachVolumeResponseObject, error) {
	c, err := s.Containers.DetachVolume(ctx, r.Container, r.Volume)
	if err != nil {
		return nil, err
	}
	return cardapi.DetachVolume200JSONResponse(apimodel.ContainerToAPI(c)), nil
}

func (s *server) ExportVolume(ctx context.Context, r cardapi.ExportVolumeRequestObject) (cardapi.ExportVolumeResponseObject, error) {
	archive, err := s.Volumes.Export(ctx, r.Volume)
	if err != nil {
		return nil, err
	}
	return archiveResponse{archive}, nil
}

// VisitExportVolumeResponse implements cardapi.ExportVolumeResponseObject.
func (a archiveResponse) VisitExportVolumeResponse(w http.ResponseWriter) error {
	return a.VisitCopyFromContainerResponse(w)
}

func (s *server) ImportVolume(ctx context.Context, r cardapi.ImportVolumeRequestObject) (cardapi.ImportVolumeResponseObject, error) {
	if err := s.Volumes.Import(ctx, r.Volume, r.Body); err != nil {
		return nil, err
	}
	return cardapi.ImportVolume204Response{}, nil
}
