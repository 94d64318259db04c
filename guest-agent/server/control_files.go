package server

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// archiveBuffer gathers what an archive has of small files, in bytes.
const archiveBuffer = 32 << 10

// limitBodies bounds all bodies that are held in memory. An archive is written
// as it comes.
func limitBodies(next http.Handler) http.Handler {
	limited := http.MaxBytesHandler(next, maxBody)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/archive") {
			next.ServeHTTP(w, r)
			return
		}
		limited.ServeHTTP(w, r)
	})
}

func checkPath(path string) error {
	if !strings.HasPrefix(path, "/") || strings.ContainsRune(path, 0) {
		return apierr.New(apierr.InvalidArgument, "bad_request", "the path %q is not absolute", path)
	}
	return nil
}

func (c *control) StatFile(_ context.Context, req guestapi.StatFileRequestObject) (guestapi.StatFileResponseObject, error) {
	if err := checkPath(req.Params.Path); err != nil {
		return nil, err
	}
	stat, err := c.manager.StatFile(req.ContainerId, req.Params.Path)
	if err != nil {
		return nil, err
	}
	return guestapi.StatFile200JSONResponse(stat), nil
}

func (c *control) ReadArchive(_ context.Context, req guestapi.ReadArchiveRequestObject) (guestapi.ReadArchiveResponseObject, error) {
	if err := checkPath(req.Params.Path); err != nil {
		return nil, err
	}
	write, err := c.manager.ReadArchive(req.ContainerId, req.Params.Path)
	if err != nil {
		return nil, err
	}
	return archive{server: c.Server, write: write}, nil
}

// archive is the answer to ReadArchive.
type archive struct {
	server *Server
	write  func(io.Writer) error
}

// VisitReadArchiveResponse implements guestapi.ReadArchiveResponseObject. A
// failure breaks the answer off: there is no other way left to tell of it.
func (a archive) VisitReadArchiveResponse(rw http.ResponseWriter) error {
	rw.Header().Set("Content-Type", "application/x-tar")
	rw.WriteHeader(http.StatusOK)
	buffered := bufio.NewWriterSize(rw, archiveBuffer)
	err := a.write(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if err != nil {
		a.server.log.WithError(err).Info("an archive broke off")
		panic(http.ErrAbortHandler)
	}
	return nil
}

func (c *control) WriteArchive(_ context.Context, req guestapi.WriteArchiveRequestObject) (guestapi.WriteArchiveResponseObject, error) {
	if err := checkPath(req.Params.Path); err != nil {
		return nil, err
	}
	if err := c.manager.WriteArchive(req.ContainerId, req.Params.Path, req.Body); err != nil {
		return nil, err
	}
	return guestapi.WriteArchive204Response{}, nil
}

func (c *control) ReadVolume(ctx context.Context, req guestapi.ReadVolumeRequestObject) (guestapi.ReadVolumeResponseObject, error) {
	write, err := c.manager.ReadVolume(ctx, req.Device, req.Params.ReadOnlyDevice)
	if err != nil {
		return nil, err
	}
	return archive{server: c.Server, write: write}, nil
}

// VisitReadVolumeResponse implements guestapi.ReadVolumeResponseObject.
func (a archive) VisitReadVolumeResponse(rw http.ResponseWriter) error {
	return a.VisitReadArchiveResponse(rw)
}

func (c *control) WriteVolume(ctx context.Context, req guestapi.WriteVolumeRequestObject) (guestapi.WriteVolumeResponseObject, error) {
	if err := c.manager.WriteVolume(ctx, req.Device, req.Body); err != nil {
		return nil, err
	}
	return guestapi.WriteVolume204Response{}, nil
}
