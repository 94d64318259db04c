package container

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/content"
)

const codeContentPath = "invalid_content_path"

var contentModePattern = regexp.MustCompile(`^0?[0-7]{3}$`)

// ownFiles are files of every container that are Cardplane's.
var ownFiles = []string{"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}

// reserved are directories in which no config or secret can be: those of the
// kernel, and one that is a link to another in nearly all images.
var reserved = map[string]string{
	"/proc": "which is the kernel's", "/sys": "which is the kernel's", "/dev": "which is the kernel's",
	"/var/run": "which leads to /run; name that",
}

// completeContents checks a container's configs and secrets, and says where they
// are and who may read them.
func completeContents(spec cardplane.ContainerSpec) (cardplane.ContainerSpec, error) {
	spec.Configs, spec.Secrets = slices.Clone(spec.Configs), slices.Clone(spec.Secrets)
	var taken []string
	for _, kind := range kinds {
		list := spec.Contents(kind)
		if n := len(list); n > cardplane.MaxContentMounts {
			return spec, invalid("/"+string(kind)+"s", "too_many_"+string(kind)+"s", "%d %ss are too many; a container can have %d", n, kind, cardplane.MaxContentMounts)
		}
		for i := range list {
			field := fmt.Sprintf("/%ss/%d", kind, i)
			if err := completeContent(kind, field, &list[i]); err != nil {
				return spec, err
			}
			if err := checkContentPath(spec, field+"/path", list[i].Path, taken); err != nil {
				return spec, err
			}
			taken = append(taken, list[i].Path)
		}
	}
	return spec, nil
}

func completeContent(kind cardplane.ContentKind, field string, m *cardplane.ContentMount) error {
	if err := content.CheckName(kind, field+"/name", m.Name); err != nil {
		return err
	}
	path, mode := "/"+m.Name, cardplane.DefaultConfigMode
	if kind == cardplane.KindSecret {
		path, mode = cardplane.SecretsDir+"/"+m.Name, cardplane.DefaultSecretMode
	}
	m.Path, m.Mode = cmp.Or(m.Path, path), cmp.Or(m.Mode, mode)
	if !contentModePattern.MatchString(m.Mode) {
		return invalid(field+"/mode", "invalid_content_mode", "the mode %q is no octal number of three digits; use one such as 0440", m.Mode)
	}
	return nil
}

// checkContentPath checks where a config or secret is to be, beside those at taken.
func checkContentPath(spec cardplane.ContainerSpec, field, at string, taken []string) error {
	if !path.IsAbs(at) || path.Clean(at) != at || at == "/" || len(at) > maxPath {
		return invalid(field, codeContentPath, "no file can be at %.200q; give an absolute path below / without '..', '//' and a '/' at its end", at)
	}
	if err := checkStrings(field, []string{at}); err != nil {
		return err
	}
	for dir, why := range reserved {
		if within(at, dir) {
			return invalid(field, codeContentPath, "no file can be at %q, in %s, %s; choose another path", at, dir, why)
		}
	}
	for _, own := range ownFiles {
		if within(at, own) || within(own, at) {
			return invalid(field, codeContentPath, "no file can be at %q: %s says how the container and others are called; choose another path", at, own)
		}
	}
	for _, other := range taken {
		if within(at, other) || within(other, at) {
			return invalid(field, codeContentPath, "two files cannot be at %q and %q; choose another path for one", other, at)
		}
	}
	return checkContentMounts(spec, field, at)
}

// checkContentMounts refuses a path that a mount would hide, or that would hide one.
func checkContentMounts(spec cardplane.ContainerSpec, field, at string) error {
	tree := treeOf(at)
	for _, dir := range liveTrees {
		if within(dir, at) || within(at, dir+"/"+linkedDir) {
			return invalid(field, codeContentPath, "no file can be at %q, where configs and secrets are kept; choose another path", at)
		}
	}
	for _, v := range spec.Volumes {
		if within(at, v.Path) || within(v.Path, cmp.Or(tree, at)) {
			return invalid(field, codeContentPath, "no file can be at %q, where the volume %q is mounted (%s); choose a path outside of it, and make a link there", at, v.Volume, v.Path)
		}
	}
	for _, t := range spec.Tmpfs {
		// A directory of ours is mounted in a tmpfs without harm.
		if within(t.Path, cmp.Or(tree, at)) || tree == "" && within(at, t.Path) {
			return invalid(field, codeContentPath, "no file can be at %q, where a tmpfs is mounted (%s); choose a path in %s", at, t.Path, cardplane.ConfigsDir)
		}
	}
	return nil
}

// within reports whether the path at is dir or below it.
func within(at, dir string) bool { return at == dir || strings.HasPrefix(at, dir+"/") }
