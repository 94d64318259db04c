package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

func (s *server) GetStats(ctx context.Context, r cardapi.GetStatsRequestObject) (cardapi.GetStatsResponseObject, error) {
	opts := cardplane.StatsOptions{Follow: value(r.Params.Follow), Interval: time.Duration(value(r.Params.IntervalSeconds)) * time.Second}
	reader, err := s.Containers.Stats(ctx, r.Container, opts)
	if err != nil {
		return nil, err
	}
	return statsResponse{lines[cardplane.Stats, cardapi.ContainerStats]{ctx, reader, apimodel.StatsToAPI, s.heartbeat}}, nil
}

// statsResponse streams samples.
type statsResponse struct {
	lines[cardplane.Stats, cardapi.ContainerStats]
}

// VisitGetStatsResponse implements cardapi.GetStatsResponseObject.
func (s statsResponse) VisitGetStatsResponse(w http.ResponseWriter) error { return s.visit(w) }

func (s *server) GetProcesses(ctx context.Context, r cardapi.GetProcessesRequestObject) (cardapi.GetProcessesResponseObject, error) {
	list, err := s.Containers.Processes(ctx, r.Container)
	if err != nil {
		return nil, err
	}
	return cardapi.GetProcesses200JSONResponse{Items: each(list, apimodel.ProcessToAPI)}, nil
}
