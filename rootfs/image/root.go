package image

import (
	"fmt"
	"io"
	"io/fs"
)

// Packages are the Debian packages that the small init, and crun with its
// libraries, come from. Dependencies proves the list complete whenever a root
// is built.
var Packages = []string{
	"tini", "crun", "libc6", "libcap2", "libseccomp2", "libsystemd0", "libyajl2",
	"libgcrypt20", "libgpg-error0", "liblz4-1", "liblzma5", "libzstd1",
}

// Where programs are in the guest.
const (
	AgentPath = "/sbin/guest-agent"
	BarePath  = "/sbin/bareinit"
	CrunPath  = "/usr/bin/crun"
	InitPath  = "/usr/bin/tini-static"
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
	// Packages holds crun, its libraries and the init.
	Packages *Files
}

// Write writes the root as an EROFS image. Equal input gives equal bytes.
func (r *Root) Write(w io.WriteSeeker) error {
	tree, err := r.tree()
	if err != nil {
		return fmt.Errorf("guest root: %w", err)
	}
	if err := tree.Write(w); err != nil {
		return fmt.Errorf("guest root: %w", err)
	}
	return nil
}

// tree lays the root out.
func (r *Root) tree() (*Tree, error) {
	t := NewTree()
	init, ok := r.Packages.Lookup(InitPath)
	if !ok {
		return nil, fmt.Errorf("program %s is in none of the packages", InitPath)
	}
	for name, content := range map[string][]byte{AgentPath: r.Agent, BarePath: r.BareInit, InitPath: init} {
		if err := requireStatic(content); err != nil {
			return nil, fmt.Errorf("%s %w", name, err)
		}
		t.File(name, 0o755, content)
	}
	libraries, err := Dependencies(r.Packages, CrunPath)
	if err != nil {
		return nil, err
	}
	for name, content := range libraries {
		t.File(name, 0o755, content)
	}
	crun, _ := r.Packages.Lookup(CrunPath)
	t.File(CrunPath, 0o755, crun)
	for name, mode := range directories {
		t.Directory(name, mode)
	}
	for name, text := range etcFiles {
		t.File(name, 0o644, []byte(text))
	}
	for name, target := range etcLinks {
		t.Link(name, target)
	}
	return t, nil
}
