package image

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"sort"
	"time"

	"github.com/erofs/go-erofs"
)

// CrunPackages are the Debian packages that crun and its libraries come from.
// Dependencies proves the list complete whenever a root is built.
var CrunPackages = []string{
	"crun", "libc6", "libcap2", "libseccomp2", "libsystemd0", "libyajl2",
	"libgcrypt20", "libgpg-error0", "liblz4-1", "liblzma5", "libzstd1",
}

// Where programs are in the guest.
const (
	AgentPath = "/sbin/guest-agent"
	BarePath  = "/sbin/bareinit"
	CrunPath  = "/usr/bin/crun"
)

// directories exist empty in the root, as mount points or because programs
// expect them.
var directories = map[string]fs.FileMode{
	"/dev": 0o755, "/proc": 0o555, "/sys": 0o555, "/run": 0o755,
	"/tmp": 0o777 | fs.ModeSticky, "/var": 0o755,
	"/mnt": 0o755, "/newroot": 0o755, "/root": 0o700,
}

// The few files under /etc. The root is read-only: what changes is a link into
// /run, which the agent mounts.
var (
	etcFiles = map[string]string{
		"/etc/passwd":        "root:x:0:0:root:/root:/sbin/nologin\n",
		"/etc/group":         "root:x:0:\n",
		"/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
	}
	etcLinks = map[string]string{
		"/etc/hostname":    "/run/hostname",
		"/etc/hosts":       "/run/hosts",
		"/etc/resolv.conf": "/run/resolv.conf",
		"/etc/mtab":        "/proc/self/mounts",
		"/var/run":         "/run",
	}
)

// Root is what goes into the root image.
type Root struct {
	// Agent is the guest agent, a static executable.
	Agent []byte
	// BareInit is the PID 1 that benchmarks compare with, a static executable.
	BareInit []byte
	// Packages holds crun and its libraries.
	Packages *Files
}

// Write writes the root as an EROFS image. Equal input gives equal bytes.
func (r *Root) Write(w io.WriteSeeker) error {
	tree, err := r.tree()
	if err != nil {
		return fmt.Errorf("guest root: %w", err)
	}
	image := erofs.Create(w, erofs.WithBuildTime(0, 0))
	if err := tree.write(image); err != nil {
		return fmt.Errorf("guest root: %w", err)
	}
	if err := image.Close(); err != nil {
		return fmt.Errorf("guest root: write image: %w", err)
	}
	return nil
}

// tree lays the root out.
func (r *Root) tree() (*tree, error) {
	t := newTree()
	for name, content := range map[string][]byte{AgentPath: r.Agent, BarePath: r.BareInit} {
		if err := requireStatic(content); err != nil {
			return nil, fmt.Errorf("%s %w", name, err)
		}
		t.file(name, 0o755, content)
	}
	libraries, err := Dependencies(r.Packages, CrunPath)
	if err != nil {
		return nil, err
	}
	for name, content := range libraries {
		t.file(name, 0o755, content)
	}
	crun, _ := r.Packages.Lookup(CrunPath)
	t.file(CrunPath, 0o755, crun)
	for name, mode := range directories {
		t.directory(name, mode)
	}
	for name, text := range etcFiles {
		t.file(name, 0o644, []byte(text))
	}
	for name, target := range etcLinks {
		t.link(name, target)
	}
	return t, nil
}

// node is one entry of a tree; its type is in mode.
type node struct {
	mode    fs.FileMode
	content []byte
	target  string
}

// tree is a file tree, every node by absolute path.
type tree struct{ nodes map[string]node }

func newTree() *tree {
	return &tree{nodes: map[string]node{"/": {mode: fs.ModeDir | 0o755}}}
}

func (t *tree) directory(name string, mode fs.FileMode) {
	t.parents(name)
	t.nodes[name] = node{mode: fs.ModeDir | mode}
}

func (t *tree) file(name string, mode fs.FileMode, content []byte) {
	t.parents(name)
	t.nodes[name] = node{mode: mode, content: content}
}

func (t *tree) link(name, target string) {
	t.parents(name)
	t.nodes[name] = node{mode: fs.ModeSymlink | 0o777, target: target}
}

// parents makes the directories above name that were not named themselves.
func (t *tree) parents(name string) {
	dir := path.Dir(name)
	if _, ok := t.nodes[dir]; !ok {
		t.directory(dir, 0o755)
	}
}

// write puts the nodes into image, sorted, so that each directory precedes what
// it holds and equal trees give equal images.
func (t *tree) write(image *erofs.Writer) error {
	names := make([]string, 0, len(t.nodes))
	for name := range t.nodes {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if err := writeNode(image, name, t.nodes[name]); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// epoch dates every file: a build has no date of its own.
var epoch = time.Unix(0, 0)

func writeNode(image *erofs.Writer, name string, n node) error {
	if err := createNode(image, name, n); err != nil {
		return err
	}
	if err := image.Chown(name, 0, 0); err != nil {
		return err
	}
	return image.Chtimes(name, epoch, epoch)
}

func createNode(image *erofs.Writer, name string, n node) error {
	switch n.mode.Type() {
	case fs.ModeDir:
		if err := image.Mkdir(name, n.mode.Perm()); err != nil {
			return err
		}
		return image.Chmod(name, n.mode)
	case fs.ModeSymlink:
		return image.Symlink(n.target, name)
	}
	f, err := image.Create(name)
	if err != nil {
		return err
	}
	if _, err := f.Write(n.content); err != nil {
		return err
	}
	if err := f.Chmod(n.mode); err != nil {
		return err
	}
	return f.Close()
}
