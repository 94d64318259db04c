package container

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// ownerTemplate owns the machines that become templates, and the templates.
const ownerTemplate = "template"

// templates is which templates are to be made. One is made at a time, when no
// container is being started.
type templates struct {
	wanted chan sandbox.Spec // what was booted

	mu     sync.Mutex
	making string         // id, "" while none is made
	failed map[string]int // how often each id could not be made
}

// maxTemplateFailures is how often the making of a template may fail before it
// is not tried again.
const maxTemplateFailures = 3

func newTemplates() *templates {
	return &templates{wanted: make(chan sandbox.Spec, 1), failed: map[string]int{}}
}

// want notes a machine that was booted for lack of a template. Of those that are
// noted while one is made, the first counts: others will be started again.
func (t *templates) want(spec sandbox.Spec) {
	select {
	case t.wanted <- spec:
	default:
	}
}

// startSandbox is [sandbox.Manager.Start]. A machine that had to boot is noted as
// one that there should be a template of.
func (s *Service) startSandbox(ctx context.Context, spec sandbox.Spec) (*sandbox.Sandbox, error) {
	sb, err := s.cfg.Sandboxes.Start(ctx, spec)
	if err == nil && !sb.FromTemplate() {
		s.templates.want(spec)
	}
	return sb, err
}

// begin makes id the one that is made, unless it has failed too often.
func (t *templates) begin(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed[id] >= maxTemplateFailures {
		return false
	}
	t.making = id
	return true
}

func (t *templates) end(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.failed[t.making]++
	}
	t.making = ""
}

func (t *templates) isMaking(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.making == id
}

// makeTemplates makes the templates that are wanted until ctx ends, and first
// the one that is to be there before anybody wants it.
func (s *Service) makeTemplates(ctx context.Context) {
	if s.cfg.Ready != nil {
		s.templates.want(*s.cfg.Ready)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case spec := <-s.templates.wanted:
			if s.awaitQuiet(ctx) {
				s.makeTemplate(ctx, spec)
			}
		}
	}
}

// awaitQuiet returns true once no container was being started at both ends of
// a pause, and false when ctx ends.
func (s *Service) awaitQuiet(ctx context.Context) bool {
	tick := time.NewTicker(s.cfg.QuietTime)
	defer tick.Stop()
	for quiet := false; ; {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
		before := quiet
		if quiet = !s.anyStarting(); quiet && before {
			return true
		}
	}
}

func (s *Service) anyStarting() bool {
	return slices.ContainsFunc(s.all(), func(e *entry) bool { return e.snapshot().State == cardplane.Starting })
}

// makeTemplate makes the template for machines like that of spec, if there is
// none. A failure is told and costs nothing but the time that such starts take. Where
// the host is away the template is still wanted.
func (s *Service) makeTemplate(ctx context.Context, spec sandbox.Spec) {
	id := s.cfg.Sandboxes.TemplateID(spec)
	if id == "" {
		return
	}
	kept, err := s.cfg.Sandboxes.Templates(ctx)
	if err != nil {
		s.log.WithError(err).WithField("template", id).Debug("a template waits for the compute host")
		s.templates.want(spec)
		return
	}
	if slices.ContainsFunc(kept, func(t hostapi.Snapshot) bool { return t.Id == id }) || !s.templates.begin(id) {
		return
	}
	begun := time.Now()
	err = s.tryMakeTemplate(ctx, id, kept, spec)
	s.templates.end(err)
	log := s.log.WithField("template", id)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		log.WithError(err).Warn("a template could not be made; guests like it boot")
	default:
		log.WithField("took", time.Since(begun)).Info("a template was made; guests like it start from it")
	}
	s.wakeJanitor() // the machine's claim, and what a failure has left
}

func (s *Service) tryMakeTemplate(ctx context.Context, id string, kept []hostapi.Snapshot, spec sandbox.Spec) error {
	if err := s.makeRoom(ctx, kept); err != nil {
		return err
	}
	err := s.cfg.Store.Update(
		store.Claim(store.Resource{Kind: store.VM, ID: id, Owner: ownerTemplate}),
		store.Claim(store.Resource{Kind: store.Snapshot, ID: id, Owner: ownerTemplate}),
	)
	if err != nil {
		return err
	}
	spec.Labels = map[string]string{labelStore: s.cfg.Store.ID()} // it is no container's
	return s.cfg.Sandboxes.MakeTemplate(ctx, spec)
}

// makeRoom removes those of the templates that were not used for the longest
// time, so that there is room for another.
func (s *Service) makeRoom(ctx context.Context, kept []hostapi.Snapshot) error {
	slices.SortFunc(kept, func(a, b hostapi.Snapshot) int { return a.UsedAt.Compare(b.UsedAt) })
	for _, t := range kept[:max(0, len(kept)+1-s.cfg.Sandboxes.MaxTemplates())] {
		if err := s.clean(ctx, store.Resource{Kind: store.Snapshot, ID: t.Id, Owner: ownerTemplate}); err != nil {
			return err
		}
	}
	return nil
}
