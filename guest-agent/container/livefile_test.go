package container_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

func liveFile() *guestapi.LiveFile {
	return &guestapi.LiveFile{Directory: "/run/secrets", Name: "key", Mode: 0o400, ContentBase64: []byte("x")}
}

// Files wait for their container, are its own once it is there, and go with it.
func TestStagedFiles(t *testing.T) {
	w := newWorld()
	m := newManager(t, w)
	if err := m.PutFile(t.Context(), "c1", liveFile()); err != nil {
		t.Fatal(err)
	}
	c := config()
	c.Directories = []string{"/run/secrets"}
	if _, _, err := m.Put(t.Context(), "c1", c); err != nil {
		t.Fatal(err)
	}
	if err := m.PutFile(t.Context(), "c1", liveFile()); err != nil {
		t.Fatal(err)
	}
	other := liveFile()
	other.Directory = "/run/configs"
	if err := m.PutFile(t.Context(), "c1", other); !apierr.Is(err, "invalid_config") {
		t.Errorf("a directory that it does not have: %v", err)
	}
	if !slices.Equal(w.put, []string{"c1", "c1"}) || len(w.released) > 0 {
		t.Errorf("put %v, released %v", w.put, w.released)
	}
	if err := m.Delete(t.Context(), "c1", true); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(w.released, []string{"c1"}) {
		t.Errorf("released %v", w.released)
	}
}

// A container that never comes is deleted all the same, with its files.
func TestStagedFilesAreDropped(t *testing.T) {
	w := newWorld()
	m := newManager(t, w)
	if err := m.PutFile(t.Context(), "c1", liveFile()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := m.Delete(t.Context(), "c1", true); !apierr.Is(err, "container_not_found") {
			t.Fatal(err)
		}
	}
	if !slices.Equal(w.released, []string{"c1"}) {
		t.Errorf("released %v", w.released)
	}
	w.fail["put"] = errors.New("no memory")
	if err := m.PutFile(t.Context(), "c2", liveFile()); err == nil || !slices.Contains(w.released, "c2") {
		t.Errorf("%v, released %v", err, w.released)
	}
}

// Files wait for a bounded number of containers.
func TestTooManyStaged(t *testing.T) {
	m := newManager(t, newWorld())
	var err error
	for i := 0; err == nil && i <= 256; i++ {
		err = m.PutFile(t.Context(), fmt.Sprintf("c%d", i), liveFile())
	}
	if !apierr.Is(err, "too_many") {
		t.Error(err)
	}
	if err := m.PutFile(t.Context(), "c0", liveFile()); err != nil {
		t.Errorf("of one that has files: %v", err)
	}
}

func TestBadLiveFiles(t *testing.T) {
	m := newManager(t, newWorld())
	for field, spoil := range map[string]func(*guestapi.LiveFile){
		"/directory":     func(f *guestapi.LiveFile) { f.Directory = "/run/../etc" },
		"/name":          func(f *guestapi.LiveFile) { f.Name = "../key" },
		"/mode":          func(f *guestapi.LiveFile) { f.Mode = 0o4755 },
		"/uid":           func(f *guestapi.LiveFile) { f.Uid = -1 },
		"/gid":           func(f *guestapi.LiveFile) { f.Gid = 1 << 32 },
		"/contentBase64": func(f *guestapi.LiveFile) { f.ContentBase64 = make([]byte, 512<<10+1) },
	} {
		f := liveFile()
		spoil(f)
		if err := m.PutFile(t.Context(), "c1", f); apierr.From(err) == nil || apierr.From(err).Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	for field, spoil := range map[string]func(*guestapi.ContainerConfig){
		"/directories":    func(c *guestapi.ContainerConfig) { c.Directories = make([]string, 5) },
		"/directories/0":  func(c *guestapi.ContainerConfig) { c.Directories = []string{"run"} },
		"/links":          func(c *guestapi.ContainerConfig) { c.Links = make([]guestapi.Link, 65) },
		"/links/0/path":   func(c *guestapi.ContainerConfig) { c.Links = []guestapi.Link{{Path: "/", Target: "/x"}} },
		"/links/0/target": func(c *guestapi.ContainerConfig) { c.Links = []guestapi.Link{{Path: "/x", Target: "y"}} },
	} {
		c := config()
		spoil(c)
		if _, _, err := m.Put(t.Context(), "c1", c); apierr.From(err) == nil || apierr.From(err).Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}
