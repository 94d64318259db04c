package image

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/cardplane/cardplane/cardplane"
)

// saved is an image that is being saved.
type saved struct {
	entry *entry
	names []string
}

// archiveWriter writes images as a tar. The same images give the same bytes:
// everything in it is sorted, and no time is told.
type archiveWriter struct {
	store  *Store
	ctx    context.Context
	tar    *tar.Writer
	images []saved
}

// Save implements [cardplane.ImageService].
func (s *Store) Save(ctx context.Context, opts cardplane.SaveOptions) (io.ReadCloser, error) {
	images, release, err := s.useAll(opts.Images)
	if err != nil {
		return nil, err
	}
	ctx, end, err := s.begin(context.WithoutCancel(ctx))
	if err != nil {
		release()
		return nil, err
	}
	pr, pw := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer end()
		defer release()
		out := bufio.NewWriterSize(pw, copyBuffer)
		w := &archiveWriter{store: s, ctx: ctx, tar: tar.NewWriter(out), images: images}
		err := errors.Join(w.write(opts.Format), w.tar.Close(), out.Flush())
		pw.CloseWithError(s.userError(err, "saving images"))
	}()
	return &savedArchive{PipeReader: pr, done: done}, nil
}

// savedArchive waits in Close until nothing of the store is in use any more.
type savedArchive struct {
	*io.PipeReader
	done chan struct{}
}

func (a *savedArchive) Close() error {
	err := a.PipeReader.Close()
	<-a.done
	return err
}

// useAll finds images and keeps their files. One that is given more than once
// gets all the names.
func (s *Store) useAll(refs []string) (images []saved, release func(), err error) {
	var releases []func()
	release = func() {
		for _, r := range releases {
			r()
		}
	}
	for _, text := range refs {
		e, ref, letGo, err := s.use(text)
		if err != nil {
			release()
			return nil, nil, err
		}
		releases = append(releases, letGo)
		at := slices.IndexFunc(images, func(i saved) bool { return i.entry.image.ID == e.image.ID })
		if at < 0 {
			at = len(images)
			images = append(images, saved{entry: e})
		}
		// A reference by digest names a manifest and not this archive's image.
		if ref != "" && !strings.Contains(ref, "@") && !slices.Contains(images[at].names, ref) {
			images[at].names = append(images[at].names, ref)
		}
	}
	return images, release, nil
}

func (w *archiveWriter) write(format cardplane.ArchiveFormat) error {
	blobs := make(map[v1.Hash]bool)
	for _, i := range w.images {
		id, err := v1.NewHash(i.entry.image.ID)
		if err != nil {
			return err
		}
		blobs[id], blobs[i.entry.Manifest] = true, true
		for _, l := range i.entry.layers {
			blobs[l.blob.Digest] = true
		}
	}
	for _, dir := range []string{"blobs/", blobDir + "/"} {
		if err := w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755}); err != nil {
			return err
		}
	}
	sorted := make([]v1.Hash, 0, len(blobs))
	for d := range blobs {
		sorted = append(sorted, d)
	}
	slices.SortFunc(sorted, func(a, b v1.Hash) int { return strings.Compare(a.Hex, b.Hex) })
	for _, d := range sorted {
		if err := w.writeBlob(d); err != nil {
			return err
		}
	}
	idx, err := w.index()
	if err != nil {
		return err
	}
	if err := w.writeJSON(ociIndexFile, idx); err != nil {
		return err
	}
	if format != cardplane.FormatOCI {
		if err := w.writeJSON(dockerManifest, w.dockerManifest()); err != nil {
			return err
		}
	}
	return w.writeJSON(ociLayoutFile, map[string]string{"imageLayoutVersion": "1.0.0"})
}

// writeBlob copies a blob. One that has changed on the disk is found out.
func (w *archiveWriter) writeBlob(d v1.Hash) error {
	f, err := os.Open(w.store.blobPath(d))
	if errors.Is(err, os.ErrNotExist) {
		return corrupt("blob %s is missing from the image store", d)
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := w.header(blobDir+"/"+d.Hex, info.Size()); err != nil {
		return err
	}
	hash := sha256.New()
	if _, err := io.CopyBuffer(io.MultiWriter(w.tar, hash), struct{ io.Reader }{contextReader{w.ctx, f}}, make([]byte, copyBuffer)); err != nil {
		return err
	}
	if got := sum(hash); got != d {
		return corrupt("the content of blob %s has digest %s", d, got)
	}
	return nil
}

func (w *archiveWriter) header(name string, size int64) error {
	return w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size})
}

func (w *archiveWriter) writeJSON(name string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if err := w.header(name, int64(len(data))); err != nil {
		return err
	}
	_, err = w.tar.Write(data)
	return err
}

// index lists each image once for each of its names, as containerd does.
func (w *archiveWriter) index() (*v1.IndexManifest, error) {
	idx := &v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	for _, i := range w.images {
		raw, err := w.store.readBlob(i.entry.Manifest, w.store.limits.Manifest)
		if err != nil {
			return nil, err
		}
		d := v1.Descriptor{MediaType: manifestType(raw), Size: int64(len(raw)), Digest: i.entry.Manifest}
		if len(i.names) == 0 {
			idx.Manifests = append(idx.Manifests, d)
		}
		for _, ref := range i.names {
			d.Annotations = map[string]string{containerdImageName: ref, ociRefName: ref[strings.LastIndexByte(ref, ':')+1:]}
			idx.Manifests = append(idx.Manifests, d)
		}
	}
	return idx, nil
}

// manifestType returns what a manifest says that it is; OCI's need not say it.
func manifestType(raw []byte) types.MediaType {
	var doc struct {
		MediaType types.MediaType `json:"mediaType"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil || doc.MediaType == "" {
		return types.OCIManifestSchema1
	}
	return doc.MediaType
}

func (w *archiveWriter) dockerManifest() []dockerImage {
	list := []dockerImage{}
	for _, i := range w.images {
		d := dockerImage{Config: blobDir + "/" + strings.TrimPrefix(i.entry.image.ID, "sha256:"), RepoTags: i.names, Layers: []string{}}
		for _, l := range i.entry.layers {
			d.Layers = append(d.Layers, blobDir+"/"+l.blob.Digest.Hex)
		}
		list = append(list, d)
	}
	return list
}
