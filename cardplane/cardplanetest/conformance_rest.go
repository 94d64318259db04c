package cardplanetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func (s *suite) events() {
	live, err := s.Events.Events(s.ctx, cardplane.EventOptions{Since: -1, Follow: true})
	s.ok(err)
	defer func() { _ = live.Close() }()
	c := s.ended(nil, "sh", "-c", "exit 4")
	var kinds []string
	var last cardplane.Event
	for last.Type != cardplane.ContainerExited {
		event, err := live.Next(s.ctx)
		s.ok(err)
		if event.Subject != c.ID {
			continue
		}
		if last.Sequence > 0 {
			equal(s, "sequence grows", event.Sequence > last.Sequence, true)
		}
		kinds = append(kinds, string(event.Type))
		last = event
	}
	equal(s, "events", strings.Join(kinds, " "), "container.create container.start container.exit")
	equal(s, "exit code", last.Attributes["exitCode"], "4")
	equal(s, "name", last.Name, c.Name)

	kept, err := s.Events.Events(s.ctx, cardplane.EventOptions{Since: last.Sequence - 1})
	s.ok(err)
	defer func() { _ = kept.Close() }()
	event, err := kept.Next(s.ctx)
	s.ok(err)
	equal(s, "first after since", event.Sequence, last.Sequence)
	for err == nil {
		_, err = kept.Next(s.ctx)
	}
	equal(s, "end", errors.Is(err, io.EOF), true)
	_, err = s.Events.Events(s.ctx, cardplane.EventOptions{Since: last.Sequence + 1_000_000})
	s.fails(err, apierr.InvalidArgument, "unknown_event")
}

func (s *suite) eventFilters() {
	c := s.ended(func(spec *cardplane.ContainerSpec) { spec.Labels = map[string]string{"tier": "web"} }, "true")
	s.ended(nil, "true")
	var all []cardplane.Event
	kinds := func(opts cardplane.EventOptions) string {
		s.t.Helper()
		reader, err := s.Events.Events(s.ctx, opts)
		s.ok(err)
		defer func() { _ = reader.Close() }()
		all = nil
		var out []string
		for {
			event, err := reader.Next(s.ctx)
			if errors.Is(err, io.EOF) {
				return strings.Join(out, " ")
			}
			s.ok(err)
			all, out = append(all, event), append(out, string(event.Type))
		}
	}
	const whole = "container.create container.start container.exit"
	one := cardplane.EventFilter{Containers: []string{c.ID[:12]}}
	equal(s, "by id", kinds(cardplane.EventOptions{EventFilter: one}), whole)
	begin, end := all[1].Time, all[2].Time
	equal(s, "labels", all[0].Labels["tier"], "web")
	equal(s, "from", kinds(cardplane.EventOptions{EventFilter: one, From: begin}), "container.start container.exit")
	equal(s, "until", kinds(cardplane.EventOptions{EventFilter: one, Until: end, Follow: true}), "container.create container.start")
	equal(s, "by name", kinds(cardplane.EventOptions{EventFilter: cardplane.EventFilter{Containers: []string{c.Name}}}), whole)
	equal(s, "by label", kinds(cardplane.EventOptions{EventFilter: cardplane.EventFilter{Labels: []string{"tier=web"}}}), whole)
	equal(s, "by type", kinds(cardplane.EventOptions{EventFilter: cardplane.EventFilter{Containers: one.Containers, Types: []string{"exec", "container.exit"}}}), "container.exit")
	equal(s, "by object", kinds(cardplane.EventOptions{EventFilter: cardplane.EventFilter{Containers: one.Containers, Types: []string{"image"}}}), "")
}

func (s *suite) images() {
	image, err := s.Images.Get(s.ctx, s.Image)
	s.ok(err)
	equal(s, "os", image.OS, "linux")
	for _, ref := range append([]string{image.ID, strings.TrimPrefix(image.ID, "sha256:")[:12]}, image.Names...) {
		got, err := s.Images.Get(s.ctx, ref)
		s.ok(err)
		equal(s, ref, got.ID, image.ID)
	}
	all, err := s.Images.List(s.ctx, cardplane.ImageFilter{})
	s.ok(err)
	equal(s, "listed", slices.ContainsFunc(all, func(i cardplane.Image) bool { return i.ID == image.ID }), true)
	none, err := s.Images.List(s.ctx, cardplane.ImageFilter{Names: []string{"no/such/*"}})
	s.ok(err)
	equal(s, "listed by another name", len(none), 0)
	named, err := s.Images.List(s.ctx, cardplane.ImageFilter{Names: image.Names})
	s.ok(err)
	equal(s, "listed by its names", slices.ContainsFunc(named, func(i cardplane.Image) bool { return i.ID == image.ID }), true)
	_, err = s.Images.Get(s.ctx, "no/such/image:v1")
	s.fails(err, apierr.NotFound, "image_not_found")
	_, err = s.Images.Remove(s.ctx, "no/such/image:v1", cardplane.RemoveOptions{})
	s.fails(err, apierr.NotFound, "image_not_found")
	_, err = s.Images.Load(s.ctx, strings.NewReader("this is no archive"), cardplane.LoadOptions{})
	equal(s, "class of a bad archive", apierr.ClassOf(err), apierr.InvalidArgument)
}

// imageInUse removes through the guard that the control plane applies.
func (s *suite) imageInUse() {
	c := s.newContainer(nil, "true")
	guard := func(ctx context.Context, id string) (string, bool, error) {
		got, err := s.Containers.Get(ctx, c.ID)
		return fmt.Sprint("container ", got.Name), got.ImageID == id, err
	}
	_, err := s.Images.Remove(s.ctx, c.ImageID, cardplane.RemoveOptions{Force: true, InUse: guard})
	s.fails(err, apierr.FailedPrecondition, "image_in_use")
	_, err = s.Images.Get(s.ctx, c.ImageID)
	s.ok(err)
}

func (s *suite) system() {
	v, err := s.System.VersionInfo(s.ctx)
	s.ok(err)
	equal(s, "API version", v.APIVersion, "v1")
	equal(s, "versions are there", v.Version != "" && v.GoVersion != "" && v.Epoch > 0, true)
	checks, err := s.System.Doctor(s.ctx)
	s.ok(err)
	for _, check := range checks {
		equal(s, "where", check.Where == "card" || check.Where == "host", true)
	}
}
