package container_test

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/ocispec"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// secret makes a secret, and returns what gives it to a container.
func (p *plane) secret(name, value string) func(*cardplane.ContainerSpec) {
	p.w.t.Helper()
	_, err := p.Secrets().Create(p.w.ctx, cardplane.ContentSpec{Name: name, Data: []byte(value)}, "")
	must(p.w.t, name, err)
	return func(spec *cardplane.ContainerSpec) {
		spec.Secrets = append(spec.Secrets, cardplane.ContentMount{Name: name})
	}
}

// contentOf reads a file of a container that runs.
func (p *plane) contentOf(id, path string) (string, error) {
	body, err := p.CopyFrom(p.w.ctx, id, path)
	if err != nil {
		return "", err
	}
	defer func() { _ = body.Close() }()
	r := tar.NewReader(body)
	if _, err := r.Next(); err != nil {
		return "", err
	}
	content, err := io.ReadAll(r)
	return string(content), err
}

// awaitContent waits until a file of a container holds want.
func (p *plane) awaitContent(id, path, want string) {
	p.w.t.Helper()
	for {
		got, err := p.contentOf(id, path)
		if err == nil && got == want {
			return
		}
		select {
		case <-time.After(time.Millisecond):
		case <-p.w.ctx.Done():
			p.w.t.Fatalf("%s holds %q (%v), want %q", path, got, err, want)
		}
	}
}

// A change that is made while the host is away is in the container when it is
// back, also when the control plane was started anew meanwhile.
func TestContentFollowsAfterAbsence(t *testing.T) {
	w := newWiredWorld(t)
	p := w.open(nil)
	one, two := p.run("sleep 1000", p.secret("key", "first")), p.run("sleep 1000")
	p.awaitContent(one.ID, "/run/secrets/key", "first")
	w.wire.Down()
	update := func(value string) error {
		_, err := p.Secrets().Update(w.ctx, "key", cardplane.ContentUpdate{Data: []byte(value)})
		return err
	}
	if err := update("second"); apierr.ClassOf(err) != apierr.Unavailable || !strings.Contains(err.Error(), "gets it later") {
		t.Errorf("updated while the host was away: %v", err)
	}
	w.up()
	p.awaitContent(one.ID, "/run/secrets/key", "second")

	w.wire.Down()
	if err := update("third"); apierr.ClassOf(err) != apierr.Unavailable {
		t.Errorf("updated while the host was away: %v", err)
	}
	p.close()
	w.up()
	p = w.open(nil)
	p.awaitContent(one.ID, "/run/secrets/key", "third")
	if err := update("fourth"); err != nil {
		t.Error(err)
	}
	if got, err := p.contentOf(one.ID, "/run/secrets/key"); got != "fourth" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := p.contentOf(two.ID, "/run/secrets/key"); !apierr.Is(err, "path_not_found") {
		t.Errorf("another container's secret: %v", err)
	}
}

// Files have the paths, permissions and links that were asked for.
func TestContentLayout(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	mount := p.secret("key", "value")
	_, err := p.Configs().Create(w.ctx, cardplane.ContentSpec{Name: "conf", Data: []byte("text")}, "")
	must(t, "conf", err)
	c := p.run("sleep 1000", mount, func(spec *cardplane.ContainerSpec) {
		spec.Secrets = append(spec.Secrets, cardplane.ContentMount{Name: "key", Path: "/etc/tls/key.pem", Mode: "440"})
		spec.Configs = []cardplane.ContentMount{{Name: "conf"}, {Name: "conf", Path: "/run/secrets/app/conf"}}
		spec.Tmpfs = []cardplane.Tmpfs{{Path: "/run"}}
	})
	for path, link := range map[string]string{"/etc/tls/key.pem": "/run/secrets/.linked/1", "/conf": "/run/configs/.linked/0"} {
		stat, err := p.StatPath(w.ctx, c.ID, path)
		if err != nil || stat.LinkTarget != link {
			t.Errorf("%s: %+v, %v", path, stat, err)
		}
	}
	for path, mode := range map[string]uint32{
		"/run/secrets/key": 0o400, "/run/secrets/.linked/1": 0o440, "/run/configs/.linked/0": 0o444, "/run/secrets/app/conf": 0o444,
	} {
		stat, err := p.StatPath(w.ctx, c.ID, path)
		if err != nil || stat.Mode != mode {
			t.Errorf("%s: %+v, %v", path, stat, err)
		}
	}
}

// What cannot be is refused at its field, and nothing is made.
func TestBadContent(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	p.secret("key", "value")
	for _, tc := range []struct {
		at, code string
		change   func(*cardplane.ContainerSpec)
	}{
		{"/secrets/0/name", "secret_not_found", secretAt("", func(m *cardplane.ContentMount) { m.Name = "none" })},
		{"/secrets/0/name", "invalid_name", secretAt("", func(m *cardplane.ContentMount) { m.Name = "" })},
		{"/secrets/0/mode", "invalid_content_mode", secretAt("", func(m *cardplane.ContentMount) { m.Mode = "4755" })},
		{"/secrets/0/path", "invalid_content_path", secretAt("key")},
		{"/secrets/0/path", "invalid_content_path", secretAt("/")},
		{"/secrets/0/path", "invalid_content_path", secretAt("/a/../b")},
		{"/secrets/0/path", "invalid_content_path", secretAt("/a/")},
		{"/secrets/0/path", "invalid_text", secretAt("/a\x00")},
		{"/secrets/0/path", "invalid_content_path", secretAt("/proc/key")},
		{"/secrets/0/path", "invalid_content_path", secretAt("/dev")},
		{"/secrets/0/path", "invalid_content_path", secretAt("/var/run/secrets/key")},
		{"/secrets/0/path", "invalid_content_path", secretAt("/etc/hosts")},
		{"/secrets/0/path", "invalid_content_path", secretAt("/etc")},
		{"/secrets/0/path", "invalid_content_path", secretAt("/run/secrets")},
		{"/secrets/0/path", "invalid_content_path", secretAt("/run")},
		{"/secrets/0/path", "invalid_content_path", secretAt("/run/secrets/.linked/0")},
		{"/secrets/0/path", "invalid_content_path", secretAt("/data/key")},
		{"/secrets/0/path", "invalid_content_path", secretAt("/data")},
		{"/secrets/0/path", "invalid_content_path", secretAt("/scratch/key")},
		{"/secrets/1/path", "invalid_content_path", func(s *cardplane.ContainerSpec) { secretAt("/a")(s); secretAt("/a")(s) }},
		{"/secrets/1/path", "invalid_content_path", func(s *cardplane.ContainerSpec) { secretAt("/a")(s); secretAt("/a/b")(s) }},
		{"/secrets", "too_many_secrets", func(s *cardplane.ContainerSpec) { s.Secrets = make([]cardplane.ContentMount, 33) }},
	} {
		spec := cardplane.ContainerSpec{
			Image: "test", Command: []string{"true"},
			Volumes: []cardplane.VolumeMount{{Volume: "data", Path: "/data"}}, Tmpfs: []cardplane.Tmpfs{{Path: "/scratch"}},
		}
		tc.change(&spec)
		_, err := p.Create(w.ctx, spec, "")
		if e := apierr.From(err); e == nil || e.Code != tc.code || e.Field != tc.at || strings.Contains(e.Message, "value") {
			t.Errorf("%+v: %v at %q, want %s at %s", spec.Secrets, err, e.Field, tc.code, tc.at)
		}
	}
	if made, err := p.Volumes().List(w.ctx, cardplane.VolumeFilter{}); len(made) > 0 {
		t.Errorf("left: %v, %v", made, err)
	}
}

// secretAt gives a container the secret key at a path.
func secretAt(path string, change ...func(*cardplane.ContentMount)) func(*cardplane.ContainerSpec) {
	return func(spec *cardplane.ContainerSpec) {
		m := cardplane.ContentMount{Name: "key", Path: path}
		for _, f := range change {
			f(&m)
		}
		spec.Secrets = append(spec.Secrets, m)
	}
}

// lockedBuffer takes what several write.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// What a secret holds is on the card in the store's bucket for it, and nowhere
// else: no record, no event, no remembered request, no log, no specification and no
// file of the compute host has it.
func TestSecretIsNowhereElse(t *testing.T) {
	const value, second = "hunter2-hunter2-hunter2", "correct-horse-battery"
	w := newWiredWorld(t)
	log := &lockedBuffer{}
	w.logged = log
	p := w.open(nil)
	made, err := p.Secrets().Create(w.ctx, cardplane.ContentSpec{Name: "key", Data: []byte(value)}, "idempotency")
	must(t, made, err)
	spec := cardplane.ContainerSpec{Image: "test", Command: []string{"sh", "-c", "sleep 1000"}, Secrets: []cardplane.ContentMount{{Name: "key"}, {Name: "key", Path: "/etc/key"}}}
	c, err := p.Create(w.ctx, spec, "idempotency")
	must(t, c, err)
	c, err = p.Start(w.ctx, c.ID)
	must(t, c, err)
	if got, err := p.contentOf(c.ID, "/run/secrets/key"); got != value {
		t.Fatalf("%q, %v", got, err)
	}
	updated, err := p.Secrets().Update(w.ctx, "key", cardplane.ContentUpdate{Data: []byte(second)})
	must(t, updated, err)
	w.wire.Down()
	_, _ = p.Secrets().Update(w.ctx, "key", cardplane.ContentUpdate{Data: []byte(value)})
	w.up()
	p.awaitContent(c.ID, "/run/secrets/key", value)
	listed, err := p.Secrets().List(w.ctx, cardplane.ContentFilter{})
	must(t, listed, err)
	running, err := p.Get(w.ctx, c.ID)
	must(t, running, err)

	var shown bytes.Buffer
	fmt.Fprintf(&shown, "%+v %#v %+v %+v %s", made, updated, listed, running, cardplane.ContentData(value))
	for _, v := range []any{made, updated, listed, running} {
		raw, err := json.Marshal(v)
		shown.Write(must(t, raw, err))
	}
	w.hasNoSecret("an answer", shown.Bytes(), value, second)
	w.hasNoSecret("the log", log.Bytes(), value, second)
	err = p.store.DB().View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			if string(name) == "contents" {
				return nil
			}
			return b.ForEach(func(k, v []byte) error {
				w.hasNoSecret(fmt.Sprintf("bucket %s, key %s", name, k), append(k, v...), value, second)
				return nil
			})
		})
	})
	if err != nil {
		t.Error(err)
	}
	p.close()
	for _, dir := range []string{w.dir, filepath.Dir(w.host.Socket())} {
		w.filesHaveNoSecret(dir, value, second)
	}
}

func (w *world) hasNoSecret(what string, content []byte, values ...string) {
	w.t.Helper()
	for _, value := range values {
		if bytes.Contains(content, []byte(value)) || bytes.Contains(content, []byte(base64.StdEncoding.EncodeToString([]byte(value)))) {
			w.t.Errorf("%s holds the secret", what)
		}
	}
}

// filesHaveNoSecret looks at all files below dir but the store, and at the
// beginning of disks, which are sparse.
func (w *world) filesHaveNoSecret(dir string, values ...string) {
	w.t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || entry.Name() == "state.db" {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		content, err := io.ReadAll(io.LimitReader(file, 16<<20))
		w.hasNoSecret(path, content, values...)
		return err
	})
	if err != nil {
		w.t.Error(err)
	}
}

// The files that hold how the container and others are called are not for configs.
func TestOwnFiles(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	p.secret("key", "value")
	for path := range ocispec.Files("name", nil, nil) {
		spec := cardplane.ContainerSpec{Image: "test", Command: []string{"true"}}
		secretAt(path)(&spec)
		if _, err := p.Create(w.ctx, spec, ""); !apierr.Is(err, "invalid_content_path") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
