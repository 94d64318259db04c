package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/image/layer"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// Bounds on the outer tar of an archive.
const (
	maxArchiveFiles = 65536
	maxArchiveName  = 4096
)

// Load implements [cardplane.ImageService].
func (s *Store) Load(ctx context.Context, r io.Reader, opts cardplane.LoadOptions) ([]cardplane.Image, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	images, err := s.load(ctx, r, opts)
	return images, s.userError(err, "loading an image archive")
}

func (s *Store) load(ctx context.Context, r io.Reader, opts cardplane.LoadOptions) ([]cardplane.Image, error) {
	report := opts.Progress
	if report == nil {
		report = func(cardplane.ImageProgress) {}
	}
	w, err := s.newWorkDir("load")
	if err != nil {
		return nil, err
	}
	defer w.remove()
	a := &archive{store: s, work: w, files: make(map[string]staged), links: make(map[string]string), byDigest: make(map[v1.Hash]staged)}
	if err := a.unpack(ctx, r); err != nil {
		return nil, err
	}
	found, err := a.images(ctx)
	if err != nil {
		return nil, err
	}
	var images []cardplane.Image
	for _, f := range found {
		img, err := s.ingest(ctx, w, f.manifest, f.refs, a.provide, report)
		if err != nil {
			return nil, err
		}
		// With several names it may be found several times.
		images = slices.DeleteFunc(images, func(i cardplane.Image) bool { return i.ID == img.ID })
		images = append(images, img)
	}
	return images, nil
}

// archive is an image archive whose files lie in a working directory.
type archive struct {
	store    *Store
	work     *workDir
	files    map[string]staged // by clean relative name
	links    map[string]string // old docker-archives have the same layer once
	byDigest map[v1.Hash]staged
}

// found is an image in an archive, with the names it gets.
type found struct {
	manifest *manifest
	refs     []string
}

// unpack puts every regular file of the archive into the working directory.
func (a *archive) unpack(ctx context.Context, r io.Reader) error {
	limit := a.store.limits.Bytes
	in := &inputReader{r: contextReader{ctx, r}}
	plain, free, err := a.store.limits.decompress(in)
	if err != nil {
		return a.blame(in, err, 0)
	}
	defer free()
	limited := &io.LimitedReader{R: plain, N: limit + 1}
	tr := tar.NewReader(limited)
	done := false
	for entries := 0; !done; entries++ {
		hdr, err := tr.Next()
		if err == nil {
			err = a.add(ctx, hdr, tr, entries)
		} else if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, limited)
			done = true
		}
		if limited.N <= 0 {
			return tooLarge("the archive has more than %d bytes", limit)
		}
		if err != nil {
			return a.blame(in, err, entries)
		}
	}
	return nil
}

func (a *archive) add(ctx context.Context, hdr *tar.Header, content io.Reader, entries int) error {
	if entries >= maxArchiveFiles {
		return tooLarge("more than %d files in the archive", maxArchiveFiles)
	}
	if len(hdr.Name) > maxArchiveName || len(hdr.Linkname) > maxArchiveName {
		return corrupt("a file name of %d bytes in the archive", max(len(hdr.Name), len(hdr.Linkname)))
	}
	name := archiveName(hdr.Name)
	switch hdr.Typeflag {
	case tar.TypeReg:
		if hdr.Size > a.store.limits.Bytes {
			return tooLarge("a file of %d bytes in the archive, the limit is %d", hdr.Size, a.store.limits.Bytes)
		}
		f, err := a.work.stage(ctx, content)
		if err != nil {
			return err
		}
		a.files[name] = f
		a.byDigest[f.digest] = f
	case tar.TypeSymlink:
		a.links[name] = archiveName(path.Join(path.Dir(name), hdr.Linkname))
	case tar.TypeLink:
		a.links[name] = archiveName(hdr.Linkname)
	}
	return nil
}

// archiveName makes names comparable. They are never used as paths.
func archiveName(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// inputReader remembers a failure of the caller's stream.
type inputReader struct {
	r   io.Reader
	err error
}

// Read implements [io.Reader].
func (i *inputReader) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		i.err = err
	}
	return n, err
}

// blame explains an error of unpacking after the given number of entries.
func (a *archive) blame(in *inputReader, err error, entries int) error {
	var known *apierr.Error
	var disk *os.PathError
	switch {
	case in.err != nil && !errors.Is(in.err, io.ErrUnexpectedEOF):
		return fmt.Errorf("read image archive: %w", in.err)
	case errors.As(err, &known), errors.As(err, &disk), errors.Is(err, layer.ErrTooLarge):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		if entries == 0 {
			return formatUnknown("it ends before the first file")
		}
		return corrupt("the archive is cut short after %d files", entries)
	case entries == 0:
		return formatUnknown("%w", err)
	}
	return corrupt("the archive is damaged after %d files: %w", entries, err)
}

// file returns the staged file of the given name, through links.
func (a *archive) file(name string) (staged, bool) {
	name = archiveName(name)
	for range 8 {
		if f, ok := a.files[name]; ok {
			return f, true
		}
		target, ok := a.links[name]
		if !ok {
			break
		}
		name = target
	}
	return staged{}, false
}

// read returns the content of a small file.
func (a *archive) read(f staged, limit int64, what string) ([]byte, error) {
	if f.size > limit {
		return nil, tooLarge("%s has %d bytes, the limit is %d", what, f.size, limit)
	}
	return os.ReadFile(a.locate(f))
}

// locate returns where the content of f is: it moves when it is adopted.
func (a *archive) locate(f staged) string {
	if _, err := os.Stat(f.path); err == nil {
		return f.path
	}
	return a.store.blobPath(f.digest)
}

// provide is a [provider].
func (a *archive) provide(_ context.Context, d v1.Descriptor, _ cardplane.ProgressFunc) error {
	s := a.store
	if s.hasBlob(d.Digest) {
		return nil
	}
	f, ok := a.byDigest[d.Digest]
	switch {
	case ok && f.size != d.Size:
		return corrupt("blob %s has %d bytes, its descriptor says %d", d.Digest, f.size, d.Size)
	case ok:
		return s.adopt(f)
	}
	if f, ok := a.file(blobDir + "/" + d.Digest.Hex); ok {
		return corrupt("the content of blob %s has digest %s", d.Digest, f.digest)
	}
	return corrupt("the archive lacks blob %s", d.Digest)
}

// manifest returns the document that d describes.
func (a *archive) manifest(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	f, ok := a.byDigest[d.Digest]
	if !ok {
		if err := a.provide(ctx, d, nil); err != nil {
			return nil, err
		}
		return a.store.readBlob(d.Digest, a.store.limits.Manifest)
	}
	return a.read(f, a.store.limits.Manifest, "manifest "+d.Digest.String())
}
