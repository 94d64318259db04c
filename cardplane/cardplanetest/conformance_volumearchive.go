package cardplanetest

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// What is imported to a volume is exported from it, without a container.
func (s *suite) volumeArchives() {
	name := "volume-" + newID(4)
	s.fails(s.Volumes.Import(s.ctx, name, tarOf(nil)), apierr.NotFound, "volume_not_found")
	_, err := s.Volumes.Export(s.ctx, name)
	s.fails(err, apierr.NotFound, "volume_not_found")
	made, err := s.Volumes.Create(s.ctx, cardplane.VolumeSpec{Name: name}, "")
	s.ok(err)
	equal(s, "files of a new volume", len(s.exported(made.ID)), 0)

	s.ok(s.Volumes.Import(s.ctx, made.ID, tarOf(map[string]string{"a": "first", "b": "second"})))
	s.ok(s.Volumes.Import(s.ctx, name, tarOf(map[string]string{"a": "third"})))
	files := s.exported(name)
	equal(s, "files", len(files), 2)
	equal(s, "a", files["a"], "third")
	equal(s, "b", files["b"], "second")
	s.fails(s.Volumes.Import(s.ctx, name, strings.NewReader("no tar at all")), apierr.InvalidArgument, "archive_malformed")

	writer := s.running(func(spec *cardplane.ContainerSpec) {
		spec.Volumes = []cardplane.VolumeMount{{Volume: name, Path: "/data"}}
	}, "sleep", "1000")
	_, err = s.Volumes.Export(s.ctx, name)
	s.fails(err, apierr.FailedPrecondition, "volume_in_use")
	s.fails(s.Volumes.Import(s.ctx, name, tarOf(nil)), apierr.FailedPrecondition, "volume_in_use")
	s.ok(s.Containers.Remove(s.ctx, writer.ID, true, ""))
	s.ok(s.Volumes.Remove(s.ctx, name))
}

// exported returns the files of a volume with what is in them.
func (s *suite) exported(ref string) map[string]string {
	s.t.Helper()
	archive, err := s.Volumes.Export(s.ctx, ref)
	s.ok(err)
	defer func() { s.ok(archive.Close()) }()
	files := make(map[string]string)
	for r := tar.NewReader(archive); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			_, err := io.Copy(io.Discard, archive)
			s.ok(err)
			return files
		}
		s.ok(err)
		content, err := io.ReadAll(r)
		s.ok(err)
		if h.Typeflag == tar.TypeReg {
			files[path.Clean(h.Name)] = string(content)
		}
	}
}

// tarOf returns a tar with files of the caller's own.
func tarOf(files map[string]string) io.Reader {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for name, content := range files {
		// Nothing fails in memory.
		_ = w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Uid: os.Geteuid(), Gid: os.Getegid(), Size: int64(len(content))})
		_, _ = io.WriteString(w, content)
	}
	_ = w.Close()
	return &out
}
