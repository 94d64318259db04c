package httpapi

import (
	"bufio"
	"context"
	"io"
	"net/http"

	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

// archiveBuffer is what of an archive is passed on at once, in bytes.
const archiveBuffer = 64 << 10

func (s *server) StatPath(ctx context.Context, r cardapi.StatPathRequestObject) (cardapi.StatPathResponseObject, error) {
	stat, err := s.Containers.StatPath(ctx, r.Container, r.Params.Path)
	if err != nil {
		return nil, err
	}
	return cardapi.StatPath200JSONResponse(apimodel.PathStatToAPI(stat)), nil
}

func (s *server) CopyFromContainer(ctx context.Context, r cardapi.CopyFromContainerRequestObject) (cardapi.CopyFromContainerResponseObject, error) {
	archive, err := s.Containers.CopyFrom(ctx, r.Container, r.Params.Path)
	if err != nil {
		return nil, err
	}
	return archiveResponse{archive}, nil
}

// archiveResponse streams an archive.
type archiveResponse struct{ archive io.ReadCloser }

// VisitCopyFromContainerResponse implements
// cardapi.CopyFromContainerResponseObject.
func (a archiveResponse) VisitCopyFromContainerResponse(w http.ResponseWriter) error {
	defer func() { _ = a.archive.Close() }()
	beginStream(w, "application/x-tar")
	_, err := bufio.NewReaderSize(a.archive, archiveBuffer).WriteTo(w)
	return err
}

func (s *server) CopyToContainer(ctx context.Context, r cardapi.CopyToContainerRequestObject) (cardapi.CopyToContainerResponseObject, error) {
	if err := s.Containers.CopyTo(ctx, r.Container, r.Params.Path, r.Body); err != nil {
		return nil, err
	}
	return cardapi.CopyToContainer204Response{}, nil
}
