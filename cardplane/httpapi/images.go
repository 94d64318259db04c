package httpapi

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

func (s *server) ListImages(ctx context.Context, r cardapi.ListImagesRequestObject) (cardapi.ListImagesResponseObject, error) {
	all, err := s.Images.List(ctx, cardplane.ImageFilter{Labels: value(r.Params.Label), Names: value(r.Params.Name)})
	if err != nil {
		return nil, err
	}
	items, next, err := page(all, r.Params.Limit, r.Params.Cursor, func(i cardplane.Image) position {
		return position{at: i.Created, id: i.ID}
	})
	if err != nil {
		return nil, err
	}
	return cardapi.ListImages200JSONResponse{Items: each(items, apimodel.ImageToAPI), NextCursor: next}, nil
}

func (s *server) LoadImages(ctx context.Context, r cardapi.LoadImagesRequestObject) (cardapi.LoadImagesResponseObject, error) {
	if value(r.Params.Progress) {
		return s.withProgress(ctx, func(ctx context.Context, report cardplane.ProgressFunc) ([]cardplane.Image, error) {
			return s.Images.Load(ctx, r.Body, cardplane.LoadOptions{Progress: report})
		})
	}
	images, err := s.Images.Load(ctx, r.Body, cardplane.LoadOptions{})
	if err != nil {
		return nil, err
	}
	return cardapi.LoadImages200JSONResponse{Items: each(images, apimodel.ImageToAPI)}, nil
}

func (s *server) PullImage(ctx context.Context, r cardapi.PullImageRequestObject) (cardapi.PullImageResponseObject, error) {
	ref, opts := apimodel.PullFromAPI(*r.Body)
	if value(r.Params.Progress) {
		return s.withProgress(ctx, func(ctx context.Context, report cardplane.ProgressFunc) ([]cardplane.Image, error) {
			opts.Progress = report
			image, err := s.Images.Pull(ctx, ref, opts)
			return []cardplane.Image{image}, err
		})
	}
	image, err := s.Images.Pull(ctx, ref, opts)
	if err != nil {
		return nil, err
	}
	return cardapi.PullImage200JSONResponse(apimodel.ImageToAPI(image)), nil
}

func (s *server) GetImage(ctx context.Context, r cardapi.GetImageRequestObject) (cardapi.GetImageResponseObject, error) {
	image, err := s.Images.Get(ctx, r.Image)
	if err != nil {
		return nil, err
	}
	return cardapi.GetImage200JSONResponse(apimodel.ImageToAPI(image)), nil
}

func (s *server) DeleteImage(ctx context.Context, r cardapi.DeleteImageRequestObject) (cardapi.DeleteImageResponseObject, error) {
	removed, err := s.Images.Remove(ctx, r.Image, cardplane.RemoveOptions{Force: value(r.Params.Force), InUse: s.imageInUse})
	if err != nil {
		return nil, err
	}
	return cardapi.DeleteImage200JSONResponse(apimodel.RemovedImageToAPI(removed)), nil
}

// imageInUse is the guard that [cardplane.RemoveOptions] asks for: every
// container, running or not, uses its image.
func (s *server) imageInUse(ctx context.Context, id string) (string, bool, error) {
	containers, err := s.Containers.List(ctx, cardplane.ContainerFilter{All: true})
	if err != nil {
		return "", false, err
	}
	for _, c := range containers {
		if c.ImageID == id {
			return "container " + c.Name, true, nil
		}
	}
	return "", false, nil
}
