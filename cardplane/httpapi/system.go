package httpapi

import (
	"bytes"
	"context"

	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

func (s *server) GetOpenAPI(context.Context, cardapi.GetOpenAPIRequestObject) (cardapi.GetOpenAPIResponseObject, error) {
	return cardapi.GetOpenAPI200ApplicationyamlResponse{
		Body: bytes.NewReader(openapi.Cardplane), ContentLength: int64(len(openapi.Cardplane)),
	}, nil
}

func (s *server) GetVersion(ctx context.Context, _ cardapi.GetVersionRequestObject) (cardapi.GetVersionResponseObject, error) {
	v, err := s.System.VersionInfo(ctx)
	if err != nil {
		return nil, err
	}
	return cardapi.GetVersion200JSONResponse(apimodel.VersionToAPI(v)), nil
}

func (s *server) GetDoctor(ctx context.Context, _ cardapi.GetDoctorRequestObject) (cardapi.GetDoctorResponseObject, error) {
	checks, err := s.System.Doctor(ctx)
	if err != nil {
		return nil, err
	}
	return cardapi.GetDoctor200JSONResponse(apimodel.ChecksToAPI(checks)), nil
}

func (s *server) GetDiskUsage(ctx context.Context, _ cardapi.GetDiskUsageRequestObject) (cardapi.GetDiskUsageResponseObject, error) {
	usage, err := s.System.DiskUsage(ctx)
	if err != nil {
		return nil, err
	}
	return cardapi.GetDiskUsage200JSONResponse(apimodel.UsageToAPI(usage)), nil
}
