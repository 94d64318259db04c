package guestclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// copyIdle bounds the time that a guest takes for the next bytes of an
// archive, to give or to take.
const copyIdle = 2 * time.Minute

const archiveType = "application/x-tar"

// StatFile returns what a path in a container is.
func (c *Client) StatFile(ctx context.Context, container, path string) (guestapi.FileStat, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	stat, err := finish[guestapi.FileStat](c.api.StatFile(ctx, container, &guestapi.StatFileParams{Path: path}))
	stat.Name, stat.LinkTarget = Printable(stat.Name, maxMessage), Printable(stat.LinkTarget, maxMessage)
	return stat, err
}

// ReadArchive returns a file of a container, and all below it, as a tar, which
// is a stranger's: its names may be anything. It breaks off when ctx ends;
// start bounds the beginning alone.
func (c *Client) ReadArchive(ctx, start context.Context, container, path string) (io.ReadCloser, error) {
	return c.readTar(ctx, start, func(ctx context.Context) (*http.Response, error) {
		return c.archives.ReadArchive(ctx, container, &guestapi.ReadArchiveParams{Path: path})
	})
}

// ReadVolume returns all that is on a volume, as ReadArchive does. readOnly tells
// that the machine cannot write to its device.
func (c *Client) ReadVolume(ctx, start context.Context, device string, readOnly bool) (io.ReadCloser, error) {
	return c.readTar(ctx, start, func(ctx context.Context) (*http.Response, error) {
		return c.archives.ReadVolume(ctx, device, &guestapi.ReadVolumeParams{ReadOnlyDevice: readOnly})
	})
}

// readTar makes a call whose answer is a tar.
func (c *Client) readTar(ctx, start context.Context, call func(context.Context) (*http.Response, error)) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	unbind := context.AfterFunc(start, cancel)
	idle := newIdleTimer(cancel)
	resp, err := call(ctx)
	idle.stop()
	if err == nil && resp.StatusCode == http.StatusOK && unbind() {
		return &archiveBody{body: resp.Body, idle: idle, cancel: cancel}, nil
	}
	defer cancel()
	if err == nil {
		resp.Body = &boundedBody{ReadCloser: resp.Body, left: maxBody}
	}
	if _, err := finish[struct{}](resp, err); err != nil {
		return nil, err
	}
	return nil, unreachable(start.Err())
}

// archiveBody is an archive as it comes from a guest.
type archiveBody struct {
	body   io.ReadCloser
	idle   *idleTimer
	cancel context.CancelFunc
}

// Read implements io.Reader. It returns io.EOF after a whole archive only.
func (b *archiveBody) Read(p []byte) (int, error) {
	b.idle.start()
	defer b.idle.stop()
	n, err := b.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = apierr.New(apierr.Unavailable, "copy_cut", "the archive broke off, as the guest could not read a file or was cut off: %w", err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *archiveBody) Close() error {
	b.cancel()
	return b.body.Close()
}

// WriteArchive writes the files of a tar to a directory of a container.
func (c *Client) WriteArchive(ctx context.Context, container, dir string, archive io.Reader) error {
	return c.writeTar(ctx, archive, func(ctx context.Context, source io.Reader) (*http.Response, error) {
		return c.archives.WriteArchiveWithBody(ctx, container,
			&guestapi.WriteArchiveParams{Path: dir, CardplaneEpoch: c.epoch}, archiveType, source)
	})
}

// WriteVolume writes the files of a tar to a volume.
func (c *Client) WriteVolume(ctx context.Context, device string, archive io.Reader) error {
	return c.writeTar(ctx, archive, func(ctx context.Context, source io.Reader) (*http.Response, error) {
		return c.archives.WriteVolumeWithBody(ctx, device, &guestapi.WriteVolumeParams{CardplaneEpoch: c.epoch}, archiveType, source)
	})
}

// writeTar makes a call whose body is a tar.
func (c *Client) writeTar(ctx context.Context, archive io.Reader, call func(context.Context, io.Reader) (*http.Response, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	source := &archiveSource{archive: archive, idle: newIdleTimer(cancel)}
	defer source.idle.stop()
	resp, err := call(ctx, source)
	if err == nil {
		resp.Body = &boundedBody{ReadCloser: resp.Body, left: maxBody}
	}
	_, err = finish[struct{}](resp, err)
	return err
}

// archiveSource is an archive as it goes to a guest. The time between two reads
// is what the guest takes.
type archiveSource struct {
	archive io.Reader
	idle    *idleTimer
}

// Read implements io.Reader.
func (s *archiveSource) Read(p []byte) (int, error) {
	s.idle.stop()
	defer s.idle.start()
	return s.archive.Read(p)
}

// idleTimer cancels when a guest lets it wait for too long.
type idleTimer struct{ timer *time.Timer }

// newIdleTimer returns a timer that runs.
func newIdleTimer(cancel context.CancelFunc) *idleTimer {
	return &idleTimer{time.AfterFunc(copyIdle, cancel)}
}

func (t *idleTimer) start() { t.timer.Reset(copyIdle) }
func (t *idleTimer) stop()  { t.timer.Stop() }

// PutFile puts a file into a directory in memory of a container, or replaces it.
// It is idempotent.
func (c *Client) PutFile(ctx context.Context, container string, file guestapi.LiveFile) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := finish[struct{}](c.api.PutFile(ctx, container, &guestapi.PutFileParams{CardplaneEpoch: c.epoch}, file))
	return err
}
