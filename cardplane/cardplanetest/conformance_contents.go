package cardplanetest

import (
	"archive/tar"
	"errors"
	"io"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func (s *suite) configs() {
	got := s.keptContent(s.Configs, cardplane.KindConfig)
	equal(s, "content", string(got.Data), "second")
}

func (s *suite) secrets() {
	got := s.keptContent(s.Secrets, cardplane.KindSecret)
	equal(s, "has content", got.Data != nil, false)
}

// keptContent goes through the life of content, and returns it as it was last got.
func (s *suite) keptContent(service cardplane.ContentService, kind cardplane.ContentKind) cardplane.Content {
	name, code := string(kind)+"-"+newID(4), string(kind)+"_"
	spec := cardplane.ContentSpec{Name: name, Data: []byte("first"), Labels: map[string]string{"made": name, "old": ""}}
	made, err := service.Create(s.ctx, spec, name)
	s.ok(err)
	equal(s, "kind", made.Kind, kind)
	equal(s, "size", made.SizeBytes, 5)
	equal(s, "version", made.Version, 1)
	equal(s, "has content", made.Data != nil, false)
	again, err := service.Create(s.ctx, spec, name)
	s.ok(err)
	equal(s, "content of the same key", again.ID, made.ID)
	spec.Data = []byte("other")
	_, err = service.Create(s.ctx, spec, name)
	s.fails(err, apierr.FailedPrecondition, "idempotency_key_reused")
	_, err = service.Create(s.ctx, spec, "")
	s.fails(err, apierr.AlreadyExists, code+"exists")
	_, err = service.Create(s.ctx, cardplane.ContentSpec{Name: name + "-large", Data: make([]byte, cardplane.MaxContentBytes+1)}, "")
	equal(s, "class for what is too large", apierr.ClassOf(err), apierr.InvalidArgument)
	empty, err := service.Create(s.ctx, cardplane.ContentSpec{Name: name + "-empty"}, "")
	s.ok(err)
	s.ok(service.Remove(s.ctx, empty.ID))
	_, err = service.Get(s.ctx, empty.Name)
	s.fails(err, apierr.NotFound, code+"not_found")

	added := "new"
	changed, err := service.Update(s.ctx, name, cardplane.ContentUpdate{Data: []byte("second"), Labels: map[string]*string{"old": nil, "added": &added}})
	s.ok(err)
	equal(s, "version", changed.Version, 2)
	equal(s, "size", changed.SizeBytes, 6)
	equal(s, "labels", len(changed.Labels), 2)
	same, err := service.Update(s.ctx, made.ID, cardplane.ContentUpdate{Data: []byte("second")})
	s.ok(err)
	equal(s, "version of the same", same.Version, 2)
	_, err = service.Update(s.ctx, "nonesuch", cardplane.ContentUpdate{})
	s.fails(err, apierr.NotFound, code+"not_found")
	found, err := service.List(s.ctx, cardplane.ContentFilter{Labels: []string{"made=" + name}, Names: []string{string(kind) + "-*"}})
	s.ok(err)
	equal(s, "found", len(found), 1)
	equal(s, "has content in a list", found[0].Data != nil, false)
	got, err := service.Get(s.ctx, name)
	s.ok(err)

	filter := cardplane.PruneFilter{Labels: []string{"made=" + name}, Until: made.CreatedAt}
	kept, err := service.Prune(s.ctx, filter)
	s.ok(err)
	equal(s, "pruned before it was made", len(kept.IDs), 0)
	s.followed(name, string(kind)+".create", string(kind)+".update")
	filter.Until = filter.Until.AddDate(1, 0, 0)
	gone, err := service.Prune(s.ctx, filter)
	s.ok(err)
	equal(s, "pruned", strings.Join(gone.IDs, " "), name)
	equal(s, "pruned bytes", gone.Bytes, 6)
	s.fails(service.Remove(s.ctx, name), apierr.NotFound, code+"not_found")
	return got
}

// followed checks that events of these types, at least, are told of the name.
func (s *suite) followed(name string, types ...string) {
	s.t.Helper()
	reader, err := s.Events.Events(s.ctx, cardplane.EventOptions{EventFilter: cardplane.EventFilter{Types: types}})
	s.ok(err)
	defer func() { _ = reader.Close() }()
	told := make(map[string]bool)
	for {
		e, err := reader.Next(s.ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		s.ok(err)
		if e.Name == name {
			told[string(e.Type)] = true
		}
	}
	equal(s, "types of events", len(told), len(types))
}

// file reads a file of a container.
func (s *suite) file(id, path string) (content string, mode int64) {
	s.t.Helper()
	body, err := s.Containers.CopyFrom(s.ctx, id, path)
	s.ok(err)
	defer func() { _ = body.Close() }()
	r := tar.NewReader(body)
	h, err := r.Next()
	s.ok(err)
	data, err := io.ReadAll(r)
	s.ok(err)
	_, err = io.Copy(io.Discard, body)
	s.ok(err)
	return string(data), h.Mode
}

// contents makes a config and a secret, and what gives them to a container.
func (s *suite) contents() (config, secret string, mount func(*cardplane.ContainerSpec)) {
	s.t.Helper()
	config, secret = "config-"+newID(4), "secret-"+newID(4)
	_, err := s.Configs.Create(s.ctx, cardplane.ContentSpec{Name: config, Data: []byte("one")}, "")
	s.ok(err)
	_, err = s.Secrets.Create(s.ctx, cardplane.ContentSpec{Name: secret, Data: []byte("two")}, "")
	s.ok(err)
	return config, secret, func(spec *cardplane.ContainerSpec) {
		spec.Configs = []cardplane.ContentMount{{Name: config, Path: "/run/configs/app/conf", Mode: "0640"}}
		spec.Secrets = []cardplane.ContentMount{{Name: secret}}
	}
}

// A container has its files from its start on, follows their changes, and keeps
// them from being removed.
func (s *suite) contentOfRun() {
	config, secret, mount := s.contents()
	_, err := s.Containers.Create(s.ctx, cardplane.ContainerSpec{Image: s.Image, Command: []string{"true"}, Secrets: []cardplane.ContentMount{{Name: secret}, {Name: "nonesuch"}}}, "")
	s.fails(err, apierr.NotFound, "secret_not_found")
	equal(s, "field", apierr.From(err).Field, "/secrets/1/name")
	_, err = s.Containers.Create(s.ctx, cardplane.ContainerSpec{Image: s.Image, Command: []string{"true"}, Configs: []cardplane.ContentMount{{Name: config, Path: "/a/../b"}}}, "")
	s.fails(err, apierr.InvalidArgument, "invalid_content_path")
	equal(s, "field", apierr.From(err).Field, "/configs/0/path")

	c := s.newContainer(mount, "sleep", "1000")
	equal(s, "path", c.Spec.Secrets[0].Path, "/run/secrets/"+secret)
	equal(s, "mode", c.Spec.Secrets[0].Mode, cardplane.DefaultSecretMode)
	s.fails(s.Secrets.Remove(s.ctx, secret), apierr.FailedPrecondition, "secret_in_use")
	s.fails(s.Configs.Remove(s.ctx, config), apierr.FailedPrecondition, "config_in_use")
	for _, want := range []string{"one", "three", ""} {
		if want != "one" {
			_, err := s.Configs.Update(s.ctx, config, cardplane.ContentUpdate{Data: []byte(want)})
			s.ok(err)
		}
		_, err := s.Containers.Start(s.ctx, c.ID)
		s.ok(err)
		content, mode := s.file(c.ID, "/run/configs/app/conf")
		equal(s, "config", content, want)
		equal(s, "mode", mode, 0o640)
		content, mode = s.file(c.ID, "/run/secrets/"+secret)
		equal(s, "secret", content, "two")
		equal(s, "mode", mode, 0o400)
		_, err = s.Configs.Update(s.ctx, config, cardplane.ContentUpdate{Data: []byte(want + " more")})
		s.ok(err)
		content, _ = s.file(c.ID, "/run/configs/app/conf")
		equal(s, "updated config", content, want+" more")
		_, err = s.Containers.Stop(s.ctx, c.ID, cardplane.StopOptions{})
		s.ok(err)
	}
	s.ok(s.Containers.Remove(s.ctx, c.ID, true, ""))
	s.ok(s.Secrets.Remove(s.ctx, secret))
	s.ok(s.Configs.Remove(s.ctx, config))
}

// Containers of a sandbox have files of their own.
func (s *suite) contentInSandbox() {
	config, _, mount := s.contents()
	sandbox, err := s.Sandboxes.Create(s.ctx, cardplane.SandboxSpec{}, "")
	s.ok(err)
	in := func(spec *cardplane.ContainerSpec) { spec.Sandbox = sandbox.Name }
	s.running(in, "sleep", "1000")
	for range 2 {
		c := s.running(func(spec *cardplane.ContainerSpec) { in(spec); mount(spec) }, "sleep", "1000")
		content, _ := s.file(c.ID, "/run/configs/app/conf")
		equal(s, "config", content, "one")
		s.ok(s.Containers.Remove(s.ctx, c.ID, true, ""))
	}
	s.ok(s.Configs.Remove(s.ctx, config))
}
