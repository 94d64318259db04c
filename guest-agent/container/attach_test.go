package container_test

import (
	"errors"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// What is there already is left alone, and what cannot be there is refused before
// anything is done.
func TestAttachVolume(t *testing.T) {
	w := newWorld()
	m := newManager(t, w)
	c := config()
	c.Volumes = []guestapi.Volume{{Device: "own", Path: "/own"}}
	if _, _, err := m.Put(t.Context(), "c1", c); err != nil {
		t.Fatal(err)
	}
	v := guestapi.Volume{Device: "vol", Path: "/data"}
	for range 2 {
		if err := m.AttachVolume(t.Context(), "c1", v); err != nil {
			t.Fatal(err)
		}
	}
	for code, bad := range map[string]guestapi.Volume{
		"invalid_config": {Device: "vol", Path: "data"},
		"path_conflict":  {Device: "vol", Path: "/own"},
	} {
		if err := m.AttachVolume(t.Context(), "c1", bad); !apierr.Is(err, code) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if err := m.AttachVolume(t.Context(), "c1", guestapi.Volume{Device: "raw", Path: "/dev/data", Raw: true}); !apierr.Is(err, "invalid_config") {
		t.Errorf("a raw volume: %v", err)
	}
	if err := m.AttachVolume(t.Context(), "none", v); !apierr.Is(err, "container_not_found") {
		t.Error(err)
	}
	w.fail["detach"] = apierr.New(apierr.FailedPrecondition, "volume_busy", "busy")
	if err := m.DetachVolume(t.Context(), "c1", "own"); !apierr.Is(err, "volume_busy") {
		t.Error(err)
	}
	delete(w.fail, "detach")
	for range 2 {
		if err := m.DetachVolume(t.Context(), "c1", "own"); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.mounted) != 1 || len(w.unmounted) != 2 {
		t.Errorf("mounted %+v, unmounted %+v", w.mounted, w.unmounted)
	}
}

// A program that ends meanwhile is the reason, whatever fails because of it.
func TestAttachToEnded(t *testing.T) {
	w := newWorld()
	m := newManager(t, w)
	if _, _, err := m.Put(t.Context(), "c1", config()); err != nil {
		t.Fatal(err)
	}
	w.fail["attach"] = errors.New("no such process")
	err := m.AttachVolume(t.Context(), "c1", guestapi.Volume{Device: "vol", Path: "/data"})
	if err == nil {
		t.Fatal("it is mounted")
	}
	if _, err := m.Wait(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	if err := m.AttachVolume(t.Context(), "c1", guestapi.Volume{Device: "vol", Path: "/data"}); !apierr.Is(err, "container_not_running") {
		t.Error(err)
	}
}
