package kernel

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/rootfs/debian"
	"github.com/cardplane/cardplane/rootfs/durable"
)

// SourcePackage holds Debian's kernel source, with Debian's patches.
const SourcePackage = "linux-source-6.12"

// Names of what is kept of a build.
const (
	vmlinuxName = "vmlinux"
	configName  = "config"
	releaseName = "release"
)

// ErrNotBuilt says that the cache has no kernel of our own for this source and
// configuration.
var ErrNotBuilt = errors.New("our own guest kernel is not built for this source and configuration: run make kernel")

// Own is a kernel that was built from Debian's source.
type Own struct {
	// Release is what uname -r says.
	Release string
	// Vmlinux is the path of the PVH ELF file, in the cache.
	Vmlinux string
	// Source names the source package and the build's key.
	Source []string
}

// Builder builds kernels of our own and keeps the results.
type Builder struct {
	// CacheDir holds a directory for each build, named by its key.
	CacheDir string
	// Jobs is how many compilers run at once.
	Jobs int
	// Log gets the progress, Output the compiler's words.
	Log    logrus.FieldLogger
	Output io.Writer
}

// Key names a build: all that decides over its bytes but the compiler, which
// is the one of Debian 12. Comments in the configuration do not count.
func Key(source debian.Package, config Config) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %s %s\n", source.Name, source.Version, source.SHA256)
	for _, name := range slices.Sorted(maps.Keys(config)) {
		fmt.Fprintf(h, "%s=%s\n", name, config[name])
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// Cached returns the kernel built from source with GuestConfig, ErrNotBuilt
// when there is none. It needs only name, version and digest of source.
func (b *Builder) Cached(source debian.Package) (*Own, error) {
	key, dir, err := b.place(source)
	if err != nil {
		return nil, err
	}
	release, err := os.ReadFile(filepath.Join(dir, releaseName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotBuilt
	}
	if err != nil {
		return nil, fmt.Errorf("cached kernel: %w", err)
	}
	return &Own{
		Release: strings.TrimSpace(string(release)),
		Vmlinux: filepath.Join(dir, vmlinuxName),
		Source:  []string{source.String(), "build " + key},
	}, nil
}

// Build returns the kernel for source, building it when the cache has none.
// source must be fetched. It takes 7 minutes on two cores.
func (b *Builder) Build(ctx context.Context, source debian.Package) (*Own, error) {
	if own, err := b.Cached(source); err == nil || !errors.Is(err, ErrNotBuilt) {
		return own, err
	}
	if err := os.MkdirAll(b.CacheDir, 0o755); err != nil {
		return nil, fmt.Errorf("kernel cache: %w", err)
	}
	work, err := os.MkdirTemp(b.CacheDir, ".build-*")
	if err != nil {
		return nil, fmt.Errorf("build kernel: %w", err)
	}
	defer os.RemoveAll(work)
	if err := b.compile(ctx, work, source); err != nil {
		return nil, fmt.Errorf("build kernel from %s: %w", source, err)
	}
	_, dir, err := b.place(source)
	if err != nil {
		return nil, err
	}
	if err := b.keep(work, dir); err != nil {
		return nil, fmt.Errorf("cache kernel from %s: %w", source, err)
	}
	return b.Cached(source)
}

// place returns the key of a build with GuestConfig and its directory.
func (b *Builder) place(source debian.Package) (key, dir string, err error) {
	config, err := ParseConfig(GuestConfig)
	if err != nil {
		return "", "", err
	}
	key = Key(source, config)
	return key, filepath.Join(b.CacheDir, "own-"+key), nil
}

// treeDir is the directory that the source unpacks to, inside the work directory.
func treeDir(work string) string { return filepath.Join(work, SourcePackage) }

// compile unpacks, configures, checks and builds in work.
func (b *Builder) compile(ctx context.Context, work string, source debian.Package) error {
	b.Log.WithField("source", source.String()).Info("unpacking kernel source")
	if err := b.unpack(ctx, work, source); err != nil {
		return err
	}
	fragment := filepath.Join(work, "guest.config")
	if err := os.WriteFile(fragment, GuestConfig, 0o644); err != nil {
		return err
	}
	tree := treeDir(work)
	if err := b.make(ctx, tree, "allnoconfig", "KCONFIG_ALLCONFIG="+fragment); err != nil {
		return err
	}
	if err := verifyConfigFile(filepath.Join(tree, ".config")); err != nil {
		return err
	}
	b.Log.WithField("jobs", b.Jobs).Info("compiling kernel, this takes minutes")
	if err := b.make(ctx, tree, fmt.Sprintf("-j%d", b.Jobs), "vmlinux"); err != nil {
		return err
	}
	vmlinux, err := os.ReadFile(filepath.Join(tree, "vmlinux"))
	if err != nil {
		return err
	}
	return CheckPVH(vmlinux)
}

// unpack gets the source archive out of the package and unpacks it with tar,
// which knows xz.
func (b *Builder) unpack(ctx context.Context, work string, source debian.Package) error {
	archive := filepath.Join(work, "source.tar.xz")
	found := false
	err := debian.Walk(ctx, source.Path, func(name string, _ *tar.Header, r io.Reader) error {
		if name != "/usr/src/"+SourcePackage+".tar.xz" {
			return nil
		}
		found = true
		f, err := os.Create(archive)
		if err != nil {
			return err
		}
		if _, err := io.Copy(f, r); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		return debian.ErrStop
	})
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("package has no /usr/src/%s.tar.xz", SourcePackage)
	}
	defer os.Remove(archive)
	return b.run(exec.CommandContext(ctx, "tar", "-xf", archive, "-C", work))
}

// make runs make without anything in its environment or output that differs
// from one machine or day to the next.
func (b *Builder) make(ctx context.Context, tree string, args ...string) error {
	cmd := exec.CommandContext(ctx, "nice", append([]string{"-n", "19", "make", "-s", "-C", tree}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "ARCH=x86_64",
		"KBUILD_BUILD_TIMESTAMP=1970-01-01", "KBUILD_BUILD_VERSION=1",
		"KBUILD_BUILD_USER=cardplane", "KBUILD_BUILD_HOST=cardplane")
	return b.run(cmd)
}

// stopWait is how long a cancelled command may take to end its children.
const stopWait = 10 * time.Second

func (b *Builder) run(cmd *exec.Cmd) error {
	cmd.Stdout, cmd.Stderr = b.Output, b.Output
	// make ends its own children on SIGTERM; killed, it would leave them.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopWait
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return nil
}

func verifyConfigFile(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	asked, err := ParseConfig(GuestConfig)
	if err != nil {
		return err
	}
	effective, err := ParseConfig(text)
	if err != nil {
		return err
	}
	return VerifyConfig(asked, effective)
}

// keep moves what is wanted of a build into dir. The release is written last:
// Cached goes by it.
func (b *Builder) keep(work, dir string) error {
	tree := treeDir(work)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, file := range map[string]string{vmlinuxName: "vmlinux", configName: ".config"} {
		if err := os.Rename(filepath.Join(tree, file), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	release, err := os.ReadFile(filepath.Join(tree, "include/config/kernel.release"))
	if err != nil {
		return err
	}
	return durable.WriteFile(dir, releaseName, release)
}
