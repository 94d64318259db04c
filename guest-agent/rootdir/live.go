package rootdir

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/cardplane/cardplane/guest-agent/livedir"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// liveDir is where a container's directory in memory is, given its path in the
// container.
func (r *Roots) liveDir(id, path string) string {
	return filepath.Join(r.containerDir(id), "live", url.PathEscape(path))
}

// PutFile implements container.Roots.
func (r *Roots) PutFile(id string, f *guestapi.LiveFile) error {
	return livedir.Write(r.liveDir(id, f.Directory), filepath.Join(r.containerDir(id), "live", "new"), f.Name, livedir.File{
		Mode: fs.FileMode(f.Mode), UID: int(f.Uid), GID: int(f.Gid), Content: f.ContentBase64,
	})
}

// bindLive makes the links of the container id in its root, and returns the
// mounts that bring its directories in memory into it.
func (r *Roots) bindLive(id, root string, config *guestapi.ContainerConfig) ([]specs.Mount, error) {
	var mounts []specs.Mount
	for _, path := range config.Directories {
		source := r.liveDir(id, path)
		if err := os.MkdirAll(source, 0o755); err != nil {
			return nil, err
		}
		mounts = append(mounts, specs.Mount{
			Destination: path, Type: "bind", Source: source,
			Options: []string{"bind", "rprivate", "nosuid", "nodev", "noexec", "ro"},
		})
	}
	for _, link := range config.Links {
		if err := livedir.Link(root, link.Path, link.Target); err != nil {
			return nil, err
		}
	}
	return mounts, nil
}
