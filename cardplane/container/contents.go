package container

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/content"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// kinds are the kinds of content, in the order in which containers get them.
var kinds = []cardplane.ContentKind{cardplane.KindConfig, cardplane.KindSecret}

// Configs returns configs as users may see them: containers that run follow their
// changes.
func (s *Service) Configs() cardplane.ContentService {
	return &contents{Service: s.contents[cardplane.KindConfig], svc: s}
}

// Secrets does so for secrets.
func (s *Service) Secrets() cardplane.ContentService {
	return &contents{Service: s.contents[cardplane.KindSecret], svc: s}
}

type contents struct {
	*content.Service
	svc *Service
}

// openContents loads all configs and secrets.
func (s *Service) openContents() error {
	s.contents = make(map[cardplane.ContentKind]*content.Service)
	for _, kind := range kinds {
		service, err := content.Open(content.Config{
			Store: s.cfg.Store, Kind: kind, Tells: s.tellsContent,
			InUse: func(name string) string { return s.contentUser(kind, name) },
		})
		if err != nil {
			return err
		}
		s.contents[kind] = service
	}
	return nil
}

// tellsContent returns what records an event of content.
func (s *Service) tellsContent(t cardplane.EventType, c cardplane.Content) store.Change {
	return s.cfg.Events.Recording(cardplane.Event{Type: t, Subject: c.ID, Name: c.Name, Labels: c.Labels})
}

// contentUser returns the name of a container that names the content, or "".
func (s *Service) contentUser(kind cardplane.ContentKind, name string) string {
	for _, e := range s.all() {
		if c := e.snapshot(); names(c.Spec, kind, name) {
			return c.Name
		}
	}
	return ""
}

func names(spec cardplane.ContainerSpec, kind cardplane.ContentKind, name string) bool {
	return slices.ContainsFunc(spec.Contents(kind), func(m cardplane.ContentMount) bool { return m.Name == name })
}

// confirmContents makes sure that a container's configs and secrets exist. Once the
// container is recorded none can be removed.
func (s *Service) confirmContents(spec cardplane.ContainerSpec) error {
	for _, kind := range kinds {
		for i, m := range spec.Contents(kind) {
			if err := s.contents[kind].Has(m.Name); err != nil {
				return apierr.From(err).At(fmt.Sprintf("/%ss/%d/name", kind, i))
			}
		}
	}
	return nil
}

// Update implements cardplane.ContentService.
func (c *contents) Update(ctx context.Context, ref string, update cardplane.ContentUpdate) (cardplane.Content, error) {
	updated, err := c.Service.Update(ctx, ref, update)
	if err != nil {
		return updated, err
	}
	c.svc.replaced.announce()
	return updated, c.svc.bringContent(ctx, updated)
}

// bringContent brings content to all containers that run and do not have it yet.
func (s *Service) bringContent(ctx context.Context, c cardplane.Content) error {
	var group errgroup.Group
	for _, e := range s.all() {
		if names(e.snapshot().Spec, c.Kind, c.Name) {
			group.Go(func() error { return e.bringContent(ctx, c) })
		}
	}
	return group.Wait()
}

// bringContent brings content to the container, if it runs. One that is being
// started gets it by itself.
func (e *entry) bringContent(ctx context.Context, c cardplane.Content) error {
	state, r := e.active()
	if r == nil || !state.State.Active() || state.State == cardplane.Starting {
		return nil
	}
	r, err := e.runningRun(ctx)
	if err == nil {
		err = r.command(ctx, func(ctx context.Context) error { return r.files.bring(ctx, r.sb) })
	}
	if err == nil || sandbox.Lost(err) || r != nil && r.files.ctx.Err() != nil || !e.snapshot().State.Active() {
		return nil // or its run has ended
	}
	known := apierr.From(err)
	return apierr.New(known.Class, known.Code, "the %s %q is updated, but container %s gets it later: %w", c.Kind, c.Name, state.Name, err)
}
