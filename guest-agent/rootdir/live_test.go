package rootdir

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

func liveFile(content string) *guestapi.LiveFile {
	return &guestapi.LiveFile{
		Directory: "/run/secrets", Name: "tls/key", Mode: 0o400, Uid: int64(os.Geteuid()), Gid: int64(os.Getegid()), ContentBase64: []byte(content),
	}
}

// Files are in memory, before and while their container runs, in a directory
// that it cannot write to; links lead to them; and all go with it.
func TestLiveFiles(t *testing.T) {
	f := newFixture(t)
	if err := f.PutFile("c1", liveFile("old")); err != nil {
		t.Fatal(err)
	}
	c := config(guestapi.WritableTmpfs)
	c.Directories = []string{"/run/secrets", "/run/configs"}
	c.Links = []guestapi.Link{{Path: "/etc/key", Target: "/run/secrets/tls/key"}}
	root, err := f.Prepare(t.Context(), "c1", c)
	if err != nil || len(root.Mounts) != 2 {
		t.Fatalf("%+v, %v", root, err)
	}
	mount := root.Mounts[0]
	if want := []string{"bind", "rprivate", "nosuid", "nodev", "noexec", "ro"}; mount.Destination != "/run/secrets" || !reflect.DeepEqual(mount.Options, want) {
		t.Errorf("%+v", mount)
	}
	for _, content := range []string{"old", "new"} {
		if err := f.PutFile("c1", liveFile(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(mount.Source, "tls/key")); string(got) != content {
			t.Errorf("%q, %v", got, err)
		}
	}
	if got, err := os.Readlink(filepath.Join(root.Path, "etc/key")); got != "/run/secrets/tls/key" {
		t.Errorf("link to %q, %v", got, err)
	}
	if entries, _ := os.ReadDir(mount.Source); len(entries) != 1 {
		t.Errorf("the container sees %v", entries)
	}
	if err := f.Release(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	f.clean(t)
}

func TestLinkInPlaceOfDirectory(t *testing.T) {
	f := newFixture(t)
	if err := f.PutFile("c1", liveFile("x")); err != nil {
		t.Fatal(err)
	}
	c := config(guestapi.WritableTmpfs)
	c.Links = []guestapi.Link{{Path: "/a/b", Target: "/run/x"}, {Path: "/a", Target: "/run/x"}}
	if _, err := f.Prepare(t.Context(), "c1", c); !apierr.Is(err, "path_conflict") {
		t.Errorf("%v", err)
	}
	f.clean(t)
}
