package container

import (
	"context"
	"io"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// maxPath bounds a path, as the kernel does, in bytes.
const maxPath = 4096

func checkPath(path string) error {
	switch {
	case !strings.HasPrefix(path, "/"):
		return invalid("path", "invalid_path", "the path %.200q is not absolute; begin it with /", path)
	case len(path) > maxPath:
		return invalid("path", "invalid_path", "the path %.200q… has more than %d bytes", path, maxPath)
	case strings.ContainsRune(path, 0):
		return invalid("path", "invalid_path", "the path %.200q contains a NUL byte", path)
	}
	return nil
}

// filesOf finds a container whose files can be reached.
func (s *Service) filesOf(ctx context.Context, ref, path string) (*entry, *run, error) {
	if err := checkPath(path); err != nil {
		return nil, nil, err
	}
	e, err := s.lookup(ref)
	if err != nil {
		return nil, nil, err
	}
	r, err := e.runningRun(ctx)
	return e, r, err
}

// StatPath implements [cardplane.FileService].
func (s *Service) StatPath(ctx context.Context, ref, path string) (cardplane.PathStat, error) {
	e, r, err := s.filesOf(ctx, ref, path)
	if err != nil {
		return cardplane.PathStat{}, err
	}
	var stat guestapi.FileStat
	err = r.command(ctx, func(ctx context.Context) (err error) {
		stat, err = r.sb.Guest().StatFile(ctx, e.id, path)
		return err
	})
	if err != nil {
		return cardplane.PathStat{}, e.notRunning(err)
	}
	return cardplane.PathStat{
		Name: stat.Name, Type: cardplane.PathType(stat.Type), Mode: uint32(stat.Mode) & 0o7777, Size: stat.SizeBytes,
		ModTime: stat.ModifiedAt, LinkTarget: stat.LinkTarget, IsDirectory: stat.IsDirectory,
	}, nil
}

// CopyFrom implements [cardplane.FileService].
func (s *Service) CopyFrom(ctx context.Context, ref, path string) (io.ReadCloser, error) {
	e, r, err := s.filesOf(ctx, ref, path)
	if err != nil {
		return nil, err
	}
	var archive io.ReadCloser
	err = r.command(ctx, func(ctx context.Context) (err error) {
		archive, err = r.sb.Guest().ReadArchive(r.ctx, ctx, e.id, path)
		return err
	})
	if err != nil {
		return nil, e.notRunning(err)
	}
	return archive, nil
}

// CopyTo implements [cardplane.FileService]. It is not tried again, as the
// archive can be read only once.
func (s *Service) CopyTo(ctx context.Context, ref, dir string, archive io.Reader) error {
	e, r, err := s.filesOf(ctx, ref, dir)
	if err != nil {
		return err
	}
	err = r.sb.Guest().WriteArchive(ctx, e.id, dir, archive)
	if _, away := s.away(); away != nil && apierr.Is(err, guestclient.CodeUnreachable) {
		return sandbox.Explain(away)
	}
	return e.notRunning(err)
}
