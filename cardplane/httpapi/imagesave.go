package httpapi

import (
	"context"
	"net/http"

	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

func (s *server) SaveImages(ctx context.Context, r cardapi.SaveImagesRequestObject) (cardapi.SaveImagesResponseObject, error) {
	archive, err := s.Images.Save(ctx, apimodel.SaveFromAPI(*r.Body))
	if err != nil {
		return nil, err
	}
	return archiveResponse{archive}, nil
}

// VisitSaveImagesResponse implements cardapi.SaveImagesResponseObject.
func (a archiveResponse) VisitSaveImagesResponse(w http.ResponseWriter) error {
	return a.VisitCopyFromContainerResponse(w)
}

func (s *server) TagImage(ctx context.Context, r cardapi.TagImageRequestObject) (cardapi.TagImageResponseObject, error) {
	image, err := s.Images.Tag(ctx, r.Image, r.Name)
	if err != nil {
		return nil, err
	}
	return cardapi.TagImage200JSONResponse(apimodel.ImageToAPI(image)), nil
}

func (s *server) UntagImage(ctx context.Context, r cardapi.UntagImageRequestObject) (cardapi.UntagImageResponseObject, error) {
	image, err := s.Images.Untag(ctx, r.Image, r.Name)
	if err != nil {
		return nil, err
	}
	return cardapi.UntagImage200JSONResponse(apimodel.ImageToAPI(image)), nil
}

func (s *server) GetImageHistory(ctx context.Context, r cardapi.GetImageHistoryRequestObject) (cardapi.GetImageHistoryResponseObject, error) {
	entries, err := s.Images.History(ctx, r.Image)
	if err != nil {
		return nil, err
	}
	return cardapi.GetImageHistory200JSONResponse(apimodel.HistoryToAPI(entries)), nil
}

func (s *server) PruneImages(ctx context.Context, r cardapi.PruneImagesRequestObject) (cardapi.PruneImagesResponseObject, error) {
	opts := apimodel.ImagePruneFromAPI(value(r.Body))
	opts.InUse = s.imageInUse
	pruned, err := s.Images.Prune(ctx, opts)
	if err != nil {
		return nil, err
	}
	return cardapi.PruneImages200JSONResponse{Deleted: append([]string{}, pruned.IDs...), ReclaimedBytes: pruned.Bytes}, nil
}
