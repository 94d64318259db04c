package container

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// liveTrees are the directories in memory where a container's configs and secrets
// are.
var liveTrees = []string{cardplane.ConfigsDir, cardplane.SecretsDir}

// linkedDir is the directory in one of liveTrees for files to which links lead.
const linkedDir = ".linked"

// place is where a config or secret of a container is.
type place struct {
	directory, name string // the file: one of liveTrees, and the path in it
	link            string // what leads to it; "" where it is at its path itself
}

// treeOf returns which of liveTrees the path is in, "" for none.
func treeOf(at string) string {
	for _, dir := range liveTrees {
		if strings.HasPrefix(at, dir+"/") {
			return dir
		}
	}
	return ""
}

// placeOf returns where the container's i-th config or secret is.
func placeOf(kind cardplane.ContentKind, i int, m cardplane.ContentMount) place {
	if dir := treeOf(m.Path); dir != "" {
		return place{directory: dir, name: strings.TrimPrefix(m.Path, dir+"/")}
	}
	dir := cardplane.ConfigsDir
	if kind == cardplane.KindSecret {
		dir = cardplane.SecretsDir
	}
	return place{directory: dir, name: fmt.Sprintf("%s/%d", linkedDir, i), link: m.Path}
}

// planContents adds to config where the container's configs and secrets are. What
// they hold is brought on its own.
func planContents(spec cardplane.ContainerSpec, config *guestapi.ContainerConfig) {
	used := make(map[string]bool)
	for _, kind := range kinds {
		for i, m := range spec.Contents(kind) {
			p := placeOf(kind, i, m)
			used[p.directory] = true
			if p.link != "" {
				config.Links = append(config.Links, guestapi.Link{Path: p.link, Target: p.directory + "/" + p.name})
			}
		}
	}
	for _, dir := range liveTrees {
		if used[dir] {
			config.Directories = append(config.Directories, dir)
		}
	}
}

// liveFile is a config or secret as the guest is told of it. uid and gid own it
// unless it says otherwise.
func liveFile(p place, m cardplane.ContentMount, data []byte, uid, gid uint32) (guestapi.LiveFile, error) {
	mode, err := strconv.ParseUint(m.Mode, 8, 16)
	if err != nil {
		return guestapi.LiveFile{}, fmt.Errorf("mode of %s: %w", m.Path, err)
	}
	if m.UID != nil {
		uid = *m.UID
	}
	if m.GID != nil {
		gid = *m.GID
	}
	return guestapi.LiveFile{
		Directory: p.directory, Name: p.name, Mode: int(mode), Uid: int64(uid), Gid: int64(gid), ContentBase64: data,
	}, nil
}
