package image

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// noise returns an image with one layer of a little more than size bytes, that
// cannot be compressed, and the layer's digest.
func noise(t testing.TB, size int) (v1.Image, v1.Hash) {
	t.Helper()
	data := make([]byte, size)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(data)
	img := newImage(t, packTar(t, "noise", string(data)))
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	return img, digest
}

// cutter is a registry that breaks off the transfer of one blob.
type cutter struct {
	*testRegistry
	blob    v1.Hash
	content []byte
	allow   atomic.Int64 // bytes of the blob in one answer
	sent    atomic.Int64 // bytes of the blob in all
	answer  func(w http.ResponseWriter, req *http.Request) bool
}

func newCutter(t testing.TB, size int) (_ *cutter, ref string) {
	t.Helper()
	c := &cutter{testRegistry: newRegistry(t)}
	img, digest := noise(t, size)
	ref, c.blob = c.push("app:v1", img), digest
	rec := httptest.NewRecorder()
	c.next.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/v2/app/blobs/"+digest.String(), nil))
	c.content = rec.Body.Bytes()
	c.allow.Store(int64(len(c.content)))
	c.intercept(func(w http.ResponseWriter, req *http.Request) bool {
		if !isBlobGet(req) || !strings.HasSuffix(req.URL.Path, digest.String()) {
			return false
		}
		if c.answer != nil && c.answer(w, req) {
			return true
		}
		http.ServeContent(&cutWriter{ResponseWriter: w, c: c, left: c.allow.Load()}, req, "", time.Time{}, bytes.NewReader(c.content))
		return true
	})
	return c, ref
}

// cutWriter breaks the connection off after some bytes of the body.
type cutWriter struct {
	http.ResponseWriter
	c    *cutter
	left int64
}

func (w *cutWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p[:min(int64(len(p)), w.left)])
	w.left -= int64(n)
	w.c.sent.Add(int64(n))
	if n < len(p) {
		_ = http.NewResponseController(w.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

func (w *cutWriter) WriteHeader(status int) {
	if status == http.StatusPartialContent || status == http.StatusOK {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.left = 1 << 20 // a message of an error is no part of the blob
	w.ResponseWriter.WriteHeader(status)
}

// parts returns the names of the parts that are kept.
func parts(t testing.TB, s *Store) []string {
	t.Helper()
	names, err := filepath.Glob(s.path(partDir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestPullResumes(t *testing.T) {
	c, ref := newCutter(t, 1<<20)
	s := openStore(t)
	c.allow.Store(200_000)
	if _, err := pull(s, ref); err != nil {
		t.Fatal(err)
	}
	if c.sent.Load() != int64(len(c.content)) {
		t.Errorf("%d bytes were sent of a blob of %d", c.sent.Load(), len(c.content))
	}
	if left := parts(t, s); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestPullResumesLater gives up, begins again in a new process, so to say, and
// gets only what it lacks.
func TestPullResumesLater(t *testing.T) {
	c, ref := newCutter(t, 1<<20)
	s := openStore(t)
	c.allow.Store(700_000)
	c.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		if c.sent.Load() == 0 {
			return false
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	_, err := pull(s, ref)
	wantCode(t, err, "registry_unavailable")
	if left := parts(t, s); len(left) != 1 {
		t.Fatalf("kept: %q", left)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c.answer = nil
	c.allow.Store(1 << 30)
	s = openStore(t, func(o *Options) { o.Dir = s.options.Dir })
	got, err := pull(s, ref)
	if err != nil {
		t.Fatal(err)
	}
	if c.sent.Load() != int64(len(c.content)) {
		t.Errorf("%d bytes were sent of a blob of %d", c.sent.Load(), len(c.content))
	}
	if _, err := s.Block(t.Context(), got.ID); err != nil || len(parts(t, s)) > 0 {
		t.Errorf("%v, %q", err, parts(t, s))
	}
}

// TestPullResumesAnyhow has parts and registries with which one cannot go on:
// the pull begins anew.
func TestPullResumesAnyhow(t *testing.T) {
	whole := func(c *cutter) []byte { return c.content }
	half := func(c *cutter) []byte { return c.content[:len(c.content)/2] }
	status := func(code int, header ...string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, req *http.Request) bool {
			if req.Header.Get("Range") == "" {
				return false
			}
			for n := 0; n < len(header); n += 2 {
				w.Header().Set(header[n], header[n+1])
			}
			w.WriteHeader(code)
			return true
		}
	}
	tests := map[string]struct {
		part   func(*cutter) []byte
		answer func(http.ResponseWriter, *http.Request) bool
	}{
		"half":           {part: half},
		"whole":          {part: whole},
		"too long":       {part: func(c *cutter) []byte { return append(bytes.Clone(c.content), "more"...) }},
		"damaged":        {part: func(c *cutter) []byte { b := bytes.Clone(half(c)); b[7] ^= 1; return b }},
		"zeros":          {part: func(c *cutter) []byte { return make([]byte, len(c.content)) }},
		"ranges ignored": {part: half, answer: func(_ http.ResponseWriter, req *http.Request) bool { req.Header.Del("Range"); return false }},
		"no such range":  {part: half, answer: status(http.StatusRequestedRangeNotSatisfiable)},
		"another range":  {part: half, answer: status(http.StatusPartialContent, "Content-Range", "bytes 1-2/3")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, ref := newCutter(t, 100_000)
			c.answer = tt.answer
			s := openStore(t)
			if err := os.WriteFile(s.path(partDir, c.blob.Hex), tt.part(c), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := pull(s, ref)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Block(t.Context(), got.ID); err != nil || len(parts(t, s)) > 0 {
				t.Errorf("%v, %q", err, parts(t, s))
			}
		})
	}
}

// TestPartNeedsPermission has a part that is whole. Who may not have the blob
// does not get it from there.
func TestPartNeedsPermission(t *testing.T) {
	c, ref := newCutter(t, 1000)
	c.answer = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusForbidden); return true }
	s := openStore(t)
	if err := os.WriteFile(s.path(partDir, c.blob.Hex), c.content, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := pull(s, ref)
	wantCode(t, err, "registry_unauthorized")
}

// TestPartsAreBounded leaves parts of three blobs, of which there is room for
// the two that are younger.
func TestPartsAreBounded(t *testing.T) {
	s := openStore(t, func(o *Options) { o.Limits.Parts = 2500 })
	now := time.Now()
	for n, name := range []string{"b", "c", "a"} {
		path := s.path(partDir, name)
		if err := os.WriteFile(path, make([]byte, 1000), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now, now.Add(time.Duration(n)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, func(o *Options) { o.Dir, o.Limits.Parts = s.options.Dir, 2500 })
	if got := parts(t, s); len(got) != 2 || filepath.Base(got[0]) != "a" || filepath.Base(got[1]) != "c" {
		t.Errorf("kept %q", got)
	}
}

// TestPullFromTwoRegistries fetches the same blob from two registries at a
// time, of which one stops in the middle: the other does not wait for it.
func TestPullFromTwoRegistries(t *testing.T) {
	stuck, ref := newCutter(t, 100_000)
	fine, other := newCutter(t, 100_000)
	s := openStore(t)
	begun, release := make(chan struct{}), make(chan struct{})
	stuck.answer = func(http.ResponseWriter, *http.Request) bool { close(begun); <-release; return false }
	done := make(chan error, 1)
	go func() { _, err := pull(s, ref); done <- err }()
	<-begun
	if _, err := pull(s, other); err != nil {
		t.Error(err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if fine.sent.Load() != int64(len(fine.content)) {
		t.Errorf("%d bytes came from the registry that went on", fine.sent.Load())
	}
}
