package cardplanetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// loaded loads an image that nothing else uses, under the given names.
func (s *suite) loaded(opts cardplane.LoadOptions, names ...string) cardplane.Image {
	s.t.Helper()
	archive := Archive(cardplane.ImageConfig{Labels: map[string]string{"unique": rand.Text()}}, names...)
	images, err := s.Images.Load(s.ctx, bytes.NewReader(archive), opts)
	s.ok(err)
	equal(s, "images loaded", len(images), 1)
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_, _ = s.Images.Remove(ctx, images[0].ID, cardplane.RemoveOptions{Force: true})
	})
	return images[0]
}

// imageProgress loads with progress, of which every step comes to its end.
func (s *suite) imageProgress() {
	steps := make(map[cardplane.ImageStep]cardplane.ImageProgress)
	image := s.loaded(cardplane.LoadOptions{Progress: func(p cardplane.ImageProgress) {
		equal(s, "step goes on", p.Current >= steps[p.Step].Current, true)
		steps[p.Step] = p
	}}, "conform/progress:v1")
	equal(s, "steps", len(steps) > 0, true)
	for step, p := range steps {
		equal(s, string(step), p.Current, p.Total)
		equal(s, "subject", p.Subject, image.ID)
	}
	_, err := s.Images.Load(s.ctx, strings.NewReader("this is no archive"), cardplane.LoadOptions{Progress: func(cardplane.ImageProgress) {}})
	equal(s, "class of a bad archive", apierr.ClassOf(err), apierr.InvalidArgument)
}

// imageNames gives names to an image and takes them away again.
func (s *suite) imageNames() {
	image, other := s.loaded(cardplane.LoadOptions{}, "conform/names:v1"), s.loaded(cardplane.LoadOptions{}, "conform/other:v1")
	tagged, err := s.Images.Tag(s.ctx, image.ID, "conform/moved")
	s.ok(err)
	equal(s, "names", strings.Join(tagged.Names, " "), "docker.io/conform/moved:latest docker.io/conform/names:v1")
	_, err = s.Images.Tag(s.ctx, "conform/other:v1", "conform/moved:latest")
	s.ok(err)
	got, err := s.Images.Get(s.ctx, "conform/moved")
	s.ok(err)
	equal(s, "image of a moved name", got.ID, other.ID)
	_, err = s.Images.Untag(s.ctx, image.ID, "conform/moved")
	s.fails(err, apierr.NotFound, "image_not_found")
	bare, err := s.Images.Untag(s.ctx, "conform/names:v1", "conform/names:v1")
	s.ok(err)
	equal(s, "names left", len(bare.Names), 0)
	_, err = s.Images.Get(s.ctx, image.ID)
	s.ok(err)
	for _, name := range []string{"UPPER", "conform/names@sha256:" + strings.Repeat("0", 64)} {
		_, err = s.Images.Tag(s.ctx, image.ID, name)
		s.fails(err, apierr.InvalidArgument, "invalid_reference")
	}
	_, err = s.Images.Tag(s.ctx, "no/such/image:v1", "conform/new")
	s.fails(err, apierr.NotFound, "image_not_found")
}

// imageSave loads again what it has saved.
func (s *suite) imageSave() {
	a, b := s.loaded(cardplane.LoadOptions{}, "conform/save:a", "conform/save:b"), s.loaded(cardplane.LoadOptions{}, "conform/save:c")
	for _, format := range []cardplane.ArchiveFormat{"", cardplane.FormatDocker, cardplane.FormatOCI} {
		tar, err := s.Images.Save(s.ctx, cardplane.SaveOptions{Images: []string{"conform/save:a", "conform/save:b", b.ID}, Format: format})
		s.ok(err)
		data, err := io.ReadAll(tar)
		s.ok(err)
		s.ok(tar.Close())
		for _, id := range []string{a.ID, b.ID} {
			_, err := s.Images.Remove(s.ctx, id, cardplane.RemoveOptions{Force: true})
			s.ok(err)
		}
		images, err := s.Images.Load(s.ctx, bytes.NewReader(data), cardplane.LoadOptions{})
		s.ok(err)
		equal(s, "images", len(images), 2)
		names := map[string]string{images[0].ID: strings.Join(images[0].Names, " "), images[1].ID: strings.Join(images[1].Names, " ")}
		equal(s, "names of the first", names[a.ID], "docker.io/conform/save:a docker.io/conform/save:b")
		_, kept := names[b.ID]
		equal(s, "the second is there", kept && names[b.ID] == "", true)
	}
	_, err := s.Images.Save(s.ctx, cardplane.SaveOptions{Images: []string{a.ID, "no/such/image:v1"}})
	s.fails(err, apierr.NotFound, "image_not_found")
	_, err = s.Images.History(s.ctx, s.Image)
	s.ok(err)
	_, err = s.Images.History(s.ctx, "no/such/image:v1")
	s.fails(err, apierr.NotFound, "image_not_found")
}

// imagePrune removes what nothing uses and what has no name.
func (s *suite) imagePrune() {
	named, bare, used := s.loaded(cardplane.LoadOptions{}, "conform/prune:a"), s.loaded(cardplane.LoadOptions{}), s.loaded(cardplane.LoadOptions{})
	c, err := s.Containers.Create(s.ctx, cardplane.ContainerSpec{Image: used.ID, Command: []string{"true"}}, "")
	s.ok(err)
	defer func() { s.ok(s.Containers.Remove(s.ctx, c.ID, true, "")) }()
	prune := func(all bool, image cardplane.Image) string {
		pruned, err := s.Images.Prune(s.ctx, cardplane.ImagePruneOptions{
			All: all, PruneFilter: cardplane.PruneFilter{Labels: []string{"unique=" + image.Config.Labels["unique"]}},
			InUse: func(_ context.Context, id string) (string, bool, error) { return "container", id == used.ID, nil },
		})
		s.ok(err)
		return strings.Join(pruned.IDs, " ")
	}
	equal(s, "pruned with a name", prune(false, named), "")
	equal(s, "pruned without a name", prune(false, bare), bare.ID)
	equal(s, "pruned in use", prune(true, used), "")
	equal(s, "pruned of all", prune(true, named), named.ID)
	_, err = s.Images.Get(s.ctx, bare.ID)
	s.fails(err, apierr.NotFound, "image_not_found")
}

// diskUsage counts an image and a container that are there.
func (s *suite) diskUsage() {
	s.newContainer(nil, "true")
	usage, err := s.System.DiskUsage(s.ctx)
	s.ok(err)
	seen := make(map[cardplane.UsageKind]bool)
	for _, u := range usage {
		seen[u.Kind] = true
		equal(s, string(u.Kind)+" are consistent", u.Active <= u.Count && u.Reclaimable <= u.Size, true)
		if u.Kind == cardplane.UsageImages {
			equal(s, "an image is in use", u.Active > 0 && u.Size > 0, true)
		}
		if u.Kind == cardplane.UsageContainers {
			equal(s, "there is a container", u.Count > 0, true)
		}
	}
	equal(s, "images and containers", seen[cardplane.UsageImages] && seen[cardplane.UsageContainers], true)
}
