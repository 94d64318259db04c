package server_test

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

func (c *client) putFile(id, content string) error {
	return apierr.Done(c.api.PutFile(c.t.Context(), id, &guestapi.PutFileParams{CardplaneEpoch: c.epoch}, guestapi.LiveFile{
		Directory: "/run/secrets", Name: "key", Mode: 0o400, ContentBase64: []byte(content),
	}))
}

// contents reads a file of a container through its root directory.
func (c *client) contents(id, path string) string {
	c.t.Helper()
	resp, err := c.api.ReadArchive(c.t.Context(), id, &guestapi.ReadArchiveParams{Path: path})
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(body)
}

// A file is there when the program starts, and another once it was replaced.
func TestPutFile(t *testing.T) {
	c := start(t)
	if err := c.putFile("c1", "old"); err != nil {
		t.Fatal(err)
	}
	config := shell("exec sleep 1000")
	config.Directories = []string{"/run/secrets"}
	c.mustPut("c1", config)
	if got := c.contents("c1", "/run/secrets/key"); !strings.Contains(got, "old") {
		t.Errorf("%q", got)
	}
	for range 2 {
		if err := c.putFile("c1", "new"); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.contents("c1", "/run/secrets/key"); !strings.Contains(got, "new") {
		t.Errorf("%q", got)
	}
	again := c.mustPut("c1", config) // what the card knows of it has not changed
	if again.State != guestapi.StateRunning {
		t.Errorf("%+v", again)
	}
	c.epoch = 0
	if err := c.putFile("c1", "x"); !apierr.Is(err, "missing_epoch") {
		t.Errorf("without an epoch: %v", err)
	}
}

// Neither a failed start nor a container that never came leaves a file.
func TestFilesOfFailedStarts(t *testing.T) {
	c := start(t)
	left := func() []string {
		found, err := filepath.Glob(filepath.Join(filepath.Dir(c.agent.Socket), "root-*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if err := c.putFile("c1", "x"); err != nil || len(left()) != 1 {
		t.Fatalf("%v, %v", err, left())
	}
	config := shell("true")
	config.Directories = []string{"/run/secrets"}
	config.Spec.Process.Args = []string{"no-such-program"}
	if _, err := c.put("c1", config); !apierr.Is(err, "command_not_found") || len(left()) != 0 {
		t.Errorf("%v, left %v", err, left())
	}
	if err := c.putFile("c2", "x"); err != nil {
		t.Fatal(err)
	}
	if err := c.delete("c2", true); !apierr.Is(err, "container_not_found") || len(left()) != 0 {
		t.Errorf("%v, left %v", err, left())
	}
}
