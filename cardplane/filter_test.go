package cardplane_test

import (
	"testing"

	"github.com/cardplane/cardplane/cardplane"
)

func TestNameFilter(t *testing.T) {
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"web", "web", true},
		{"web", "web-1", false},
		{"web-*", "web-1", true},
		{"*-1", "web-1", true},
		{"*", "", true},
		{"w*b*1", "web-1", true},
		{"w*b*b", "web", false},
		{"a*a", "a", false},
		{"**b", "ab", true},
		{"*b*", "abc", true},
		{"*x*", "abc", false},
	} {
		filter := cardplane.ContainerFilter{All: true, Names: []string{"other", tc.pattern}}
		if got := filter.Match(cardplane.Container{Name: tc.name}); got != tc.want {
			t.Errorf("%q matches %q: %v", tc.pattern, tc.name, got)
		}
	}
}

func TestImageFilter(t *testing.T) {
	image := cardplane.Image{
		Names:  []string{"docker.io/library/debian:12", "localhost:5000/app:v1"},
		Config: cardplane.ImageConfig{Labels: map[string]string{"tier": "base"}},
	}
	for name, want := range map[string]bool{
		"debian": true, "debian:12": true, "docker.io/library/debian": true, "docker.io/library/debian:12": true, "library/debian": false,
		"debian:*": true, "debian:11": false, "localhost:5000/*": true, "localhost:5000/app": true, "localhost": false, "*app*": true,
	} {
		if got := (cardplane.ImageFilter{Names: []string{name}}).Match(image); got != want {
			t.Errorf("%q matches: %v", name, got)
		}
	}
	labels := cardplane.ImageFilter{Names: []string{"debian"}, Labels: []string{"tier=base", "owner"}}
	if labels.Match(image) {
		t.Error("matches without a label that is asked for")
	}
	if untagged := (cardplane.ImageFilter{Names: []string{"*"}}); untagged.Match(cardplane.Image{}) {
		t.Error("an image without a name has one")
	}
}

func TestStateFilter(t *testing.T) {
	exited := cardplane.Container{State: cardplane.Exited}
	if (cardplane.ContainerFilter{}).Match(exited) {
		t.Error("shown although it does not run")
	}
	if !(cardplane.ContainerFilter{States: []cardplane.State{cardplane.Failed, cardplane.Exited}}).Match(exited) {
		t.Error("not shown although asked for")
	}
	if (cardplane.ContainerFilter{All: true, States: []cardplane.State{cardplane.Failed}}).Match(exited) {
		t.Error("shown although another state is asked for")
	}
	if !(cardplane.ContainerFilter{}).Match(cardplane.Container{State: cardplane.Restarting}) {
		t.Error("a restarting container is not shown")
	}
}
