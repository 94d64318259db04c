package httpapi

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

func (s *server) RestartContainer(ctx context.Context, r cardapi.RestartContainerRequestObject) (cardapi.RestartContainerResponseObject, error) {
	c, err := s.Containers.Restart(ctx, r.Container, stopOptions(value(r.Body)))
	if err != nil {
		return nil, err
	}
	return cardapi.RestartContainer200JSONResponse(apimodel.ContainerToAPI(c)), nil
}

func (s *server) PruneContainers(ctx context.Context, r cardapi.PruneContainersRequestObject) (cardapi.PruneContainersResponseObject, error) {
	body := value(r.Body)
	pruned, err := s.Containers.Prune(ctx, cardplane.PruneFilter{Labels: value(body.Labels), Until: value(body.Until)})
	if err != nil {
		return nil, err
	}
	return cardapi.PruneContainers200JSONResponse{Deleted: append([]string{}, pruned.IDs...), ReclaimedBytes: pruned.Bytes}, nil
}

func (s *server) PauseContainer(ctx context.Context, r cardapi.PauseContainerRequestObject) (cardapi.PauseContainerResponseObject, error) {
	c, err := s.Containers.Pause(ctx, r.Container)
	if err != nil {
		return nil, err
	}
	return cardapi.PauseContainer200JSONResponse(apimodel.ContainerToAPI(c)), nil
}

func (s *server) UnpauseContainer(ctx context.Context, r cardapi.UnpauseContainerRequestObject) (cardapi.UnpauseContainerResponseObject, error) {
	c, err := s.Containers.Unpause(ctx, r.Container)
	if err != nil {
		return nil, err
	}
	return cardapi.UnpauseContainer200JSONResponse(apimodel.ContainerToAPI(c)), nil
}

func (s *server) UpdateContainer(ctx context.Context, r cardapi.UpdateContainerRequestObject) (cardapi.UpdateContainerResponseObject, error) {
	c, err := s.Containers.Update(ctx, r.Container, apimodel.UpdateFromAPI(*r.Body), revision(r.Params.IfMatch))
	if err != nil {
		return nil, err
	}
	return cardapi.UpdateContainer200JSONResponse{
		Body: apimodel.ContainerToAPI(c), Headers: cardapi.UpdateContainer200ResponseHeaders{ETag: etag(c)},
	}, nil
}

func (s *server) RenameContainer(ctx context.Context, r cardapi.RenameContainerRequestObject) (cardapi.RenameContainerResponseObject, error) {
	c, err := s.Containers.Rename(ctx, r.Container, r.Body.Name, revision(r.Params.IfMatch))
	if err != nil {
		return nil, err
	}
	return cardapi.RenameContainer200JSONResponse{
		Body: apimodel.ContainerToAPI(c), Headers: cardapi.RenameContainer200ResponseHeaders{ETag: etag(c)},
	}, nil
}
