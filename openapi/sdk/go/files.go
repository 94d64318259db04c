package sdk

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/cardplane/cardplane/openapi/cardapi"
)

// archiveType is the media type of a tar.
const archiveType = "application/x-tar"

// CopyFrom returns the file at path in a container, with all below it, as a
// tar, which lives as long as it is not closed. Only one that is read to io.EOF
// is whole.
func (c *Client) CopyFrom(ctx context.Context, ref, path string) (io.ReadCloser, error) {
	if err := CheckRef(ref); err != nil {
		return nil, err
	}
	return c.archive(ctx, func(ctx context.Context) (*http.Response, error) {
		return c.API.CopyFromContainer(ctx, ref, &cardapi.CopyFromContainerParams{Path: path})
	})
}

// SaveImages returns a tar with images, as CopyFrom does with files.
func (c *Client) SaveImages(ctx context.Context, what cardapi.ImageSave) (io.ReadCloser, error) {
	return c.archive(ctx, func(ctx context.Context) (*http.Response, error) { return c.API.SaveImages(ctx, what) })
}

// ExportVolume returns all that is on a volume as a tar, as CopyFrom does with
// files.
func (c *Client) ExportVolume(ctx context.Context, ref string) (io.ReadCloser, error) {
	if err := CheckRef(ref); err != nil {
		return nil, err
	}
	return c.archive(ctx, func(ctx context.Context) (*http.Response, error) { return c.API.ExportVolume(ctx, ref) })
}

// ImportVolume writes the files of a tar to a volume. The tar is sent as it is
// read, and is not closed.
func (c *Client) ImportVolume(ctx context.Context, ref string, tar io.Reader) error {
	if err := CheckRef(ref); err != nil {
		return err
	}
	resp, err := c.API.ImportVolumeWithBody(ctx, ref, archiveType, io.NopCloser(tar))
	return Done(ctx, c, resp, err)
}

// archive begins a call whose answer is a tar. The answer outlives ctx.
func (c *Client) archive(ctx context.Context, call func(context.Context) (*http.Response, error)) (io.ReadCloser, error) {
	long, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	defer stop()
	resp, err := call(long)
	body, err := c.Open(ctx, resp, err)
	if err != nil {
		cancel()
		return nil, err
	}
	return &archive{client: c, body: body, cancel: cancel}, nil
}

// CopyTo writes the files of a tar to a directory of a container. The tar is
// sent as it is read, and is not closed.
func (c *Client) CopyTo(ctx context.Context, ref, dir string, tar io.Reader) error {
	if err := CheckRef(ref); err != nil {
		return err
	}
	resp, err := c.API.CopyToContainerWithBody(ctx, ref, &cardapi.CopyToContainerParams{Path: dir}, archiveType, io.NopCloser(tar))
	return Done(ctx, c, resp, err)
}

// archive is the body of an answer that is a tar.
type archive struct {
	client *Client
	body   io.ReadCloser
	cancel context.CancelFunc
	once   sync.Once
}

// Read implements io.Reader. An answer that was cut is never taken for a whole
// one.
func (a *archive) Read(p []byte) (int, error) {
	n, err := a.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = a.client.lost(err)
	}
	return n, err
}

// Close breaks the answer off.
func (a *archive) Close() error {
	a.once.Do(func() {
		a.cancel()
		_ = a.body.Close()
	})
	return nil
}
