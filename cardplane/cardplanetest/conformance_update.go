package cardplanetest

import (
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func (s *suite) update() {
	c := s.newContainer(func(spec *cardplane.ContainerSpec) {
		spec.Labels = map[string]string{"stays": "1", "goes": "2", "changes": "3"}
		spec.Resources.MemoryBytes = 256 << 20
	}, "sleep", "1000")
	pids, changed := int64(100), "4"
	got, err := s.Containers.Update(s.ctx, c.ID, cardplane.ContainerUpdate{
		Labels:    map[string]*string{"goes": nil, "changes": &changed},
		Restart:   &cardplane.RestartPolicy{Mode: cardplane.RestartUnlessStopped},
		PidsLimit: &pids,
	}, "")
	s.ok(err)
	equal(s, "labels", len(got.Spec.Labels), 2)
	equal(s, "a changed label", got.Spec.Labels["changes"], "4")
	equal(s, "restart policy", got.Spec.Restart.Mode, cardplane.RestartUnlessStopped)
	equal(s, "limit of processes", got.Spec.Resources.PidsLimit, pids)
	equal(s, "memory", got.Spec.Resources.MemoryBytes, 256<<20)
	equal(s, "revision", got.Revision != "" && got.Revision != c.Revision, true)

	_, err = s.Containers.Update(s.ctx, c.ID, cardplane.ContainerUpdate{}, "0123456789abcdef")
	s.fails(err, apierr.FailedPrecondition, "revision_mismatch")
	bad := int64(-1)
	_, err = s.Containers.Update(s.ctx, c.ID, cardplane.ContainerUpdate{PidsLimit: &bad}, "")
	equal(s, "class of a bad limit", apierr.ClassOf(err), apierr.InvalidArgument)
	equal(s, "field of a bad limit", apierr.From(err).Field, "/resources/pidsLimit")
	_, err = s.Containers.Update(s.ctx, "nonesuch", cardplane.ContainerUpdate{}, "")
	s.fails(err, apierr.NotFound, "container_not_found")
}

// updateRunning gives more memory than the running machine has, which counts
// from the next start on.
func (s *suite) updateRunning() {
	c := s.running(func(spec *cardplane.ContainerSpec) { spec.Resources.MemoryBytes = 256 << 20 }, "sleep", "1000")
	more := int64(512 << 20)
	got, err := s.Containers.Update(s.ctx, c.ID, cardplane.ContainerUpdate{MemoryBytes: &more}, "")
	s.ok(err)
	equal(s, "memory", got.Spec.Resources.MemoryBytes, more)
	equal(s, "pending", strings.Join(got.Pending, " "), "memoryBytes")
	got, err = s.Containers.Restart(s.ctx, c.ID, cardplane.StopOptions{})
	s.ok(err)
	equal(s, "pending after a restart", len(got.Pending), 0)
	equal(s, "memory after a restart", got.Spec.Resources.MemoryBytes, more)
}
