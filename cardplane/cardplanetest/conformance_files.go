package cardplanetest

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// archive makes a tar of the caller's own files.
func (s *suite) archive(entries ...tar.Header) io.Reader {
	s.t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range entries {
		h.Uid, h.Gid = os.Geteuid(), os.Getegid()
		content := bytes.Repeat([]byte("x"), int(h.Size))
		s.ok(w.WriteHeader(&h))
		_, err := w.Write(content)
		s.ok(err)
	}
	s.ok(w.Close())
	return &out
}

// entries reads what CopyFrom gives, by name.
func (s *suite) entries(id, path string) map[string]*tar.Header {
	s.t.Helper()
	body, err := s.Containers.CopyFrom(s.ctx, id, path)
	s.ok(err)
	defer func() { _ = body.Close() }()
	out := make(map[string]*tar.Header)
	for r := tar.NewReader(body); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		s.ok(err)
		out[h.Name] = h
	}
	_, err = io.Copy(io.Discard, body)
	s.ok(err)
	return out
}

func (s *suite) copying() {
	c := s.running(nil, "sleep", "1000")
	const size = 3 << 20 // more than any buffer on the way
	s.ok(s.Containers.CopyTo(s.ctx, c.ID, "/", s.archive(
		tar.Header{Typeflag: tar.TypeDir, Name: "copied/", Mode: 0o750},
		tar.Header{Name: "copied/large", Mode: 0o640, Size: size},
		tar.Header{Typeflag: tar.TypeLink, Name: "copied/same", Linkname: "copied/large"},
		tar.Header{Typeflag: tar.TypeSymlink, Name: "copied/link", Linkname: "/nowhere"},
	)))
	stat, err := s.Containers.StatPath(s.ctx, c.ID, "/copied/large")
	s.ok(err)
	equal(s, "size", stat.Size, size)
	equal(s, "mode", stat.Mode, 0o640)
	equal(s, "type", stat.Type, cardplane.PathFile)
	stat, err = s.Containers.StatPath(s.ctx, c.ID, "/copied/link")
	s.ok(err)
	equal(s, "link target", stat.LinkTarget, "/nowhere")
	stat, err = s.Containers.StatPath(s.ctx, c.ID, "/copied")
	s.ok(err)
	equal(s, "is a directory", stat.IsDirectory, true)

	got := s.entries(c.ID, "/copied")
	equal(s, "names", strings.Join(slices.Sorted(maps.Keys(got)), " "), "copied/ copied/large copied/link copied/same")
	equal(s, "mode", got["copied/"].Mode, 0o750)
	links := 0
	for _, h := range got {
		if h.Typeflag == tar.TypeLink {
			links++
		}
	}
	equal(s, "hard links", links, 1)
	equal(s, "names of the inside", len(s.entries(c.ID, "/copied/.")), 4)
	equal(s, "has ./link", s.entries(c.ID, "/copied/")["link"] != nil, true)
}

func (s *suite) copyFailures() {
	c := s.running(nil, "sleep", "1000")
	_, err := s.Containers.StatPath(s.ctx, c.ID, "/no/such/file")
	s.fails(err, apierr.NotFound, "path_not_found")
	_, err = s.Containers.CopyFrom(s.ctx, c.ID, "/no/such/file")
	s.fails(err, apierr.NotFound, "path_not_found")
	_, err = s.Containers.StatPath(s.ctx, "nonesuch", "/")
	s.fails(err, apierr.NotFound, "container_not_found")
	_, err = s.Containers.CopyFrom(s.ctx, c.ID, "relative")
	equal(s, "class for a relative path", apierr.ClassOf(err), apierr.InvalidArgument)
	s.fails(s.Containers.CopyTo(s.ctx, c.ID, "/nodir", s.archive()), apierr.NotFound, "path_not_found")
	s.fails(s.Containers.CopyTo(s.ctx, c.ID, "/", strings.NewReader(strings.Repeat("no tar", 1000))), apierr.InvalidArgument, "archive_malformed")
	s.fails(s.Containers.CopyTo(s.ctx, c.ID, "/", s.archive(tar.Header{Name: "../up"})), apierr.InvalidArgument, "path_escapes")
	// Refused early, while much is still to be sent.
	s.fails(s.Containers.CopyTo(s.ctx, c.ID, "/", s.archive(
		tar.Header{Typeflag: tar.TypeFifo, Name: "fifo"}, tar.Header{Name: "large", Size: 8 << 20},
	)), apierr.InvalidArgument, "archive_unsupported")
	stopped := s.newContainer(nil, "true")
	_, err = s.Containers.CopyFrom(s.ctx, stopped.ID, "/")
	s.fails(err, apierr.FailedPrecondition, "container_not_running")
	s.fails(s.Containers.CopyTo(s.ctx, stopped.ID, "/", s.archive()), apierr.FailedPrecondition, "container_not_running")
}
