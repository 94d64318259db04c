// Package debian fetches Debian packages through apt and reads their content,
// without installing anything.
//
// apt is asked instead of a mirror because it knows the machine's mirrors and
// proxies and checks signatures. Packages are cached by name, version and
// digest, so a second build needs no network.
package debian

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sirupsen/logrus"
)

// Package is a binary package as apt's lists describe it.
type Package struct {
	Name    string
	Version string
	// SHA256 is the digest of the .deb file, in lower-case hex.
	SHA256 string
	// Depends is the control field, unparsed.
	Depends string
	// Path is where the .deb file is, once fetched.
	Path string
}

// String names the package as apt does, name=version.
func (p Package) String() string { return p.Name + "=" + p.Version }

// Archive gives access to the packages that apt knows.
type Archive struct {
	// CacheDir keeps .deb files between builds; it is made when missing.
	CacheDir string
	Log      logrus.FieldLogger

	// run executes a command in dir and returns its standard output; nil means
	// to really do so.
	run func(ctx context.Context, dir, name string, args ...string) ([]byte, error)
}

// ErrUnknownPackage says that apt's lists have no such package.
var ErrUnknownPackage = errors.New("package is unknown to apt")

// Candidates looks up the versions that apt would install, in the order of
// names. It does not touch the network; see Obtain.
func (a *Archive) Candidates(ctx context.Context, names ...string) ([]Package, error) {
	args := append([]string{"show", "--no-all-versions"}, names...)
	out, runErr := a.command(ctx, "", "apt-cache", args...)
	found := make(map[string]Package)
	for _, p := range parseControl(out) {
		found[p.Name] = p
	}
	list := make([]Package, 0, len(names))
	for _, name := range names {
		p, ok := found[name]
		if !ok {
			// apt-cache also exits non-zero then; its text adds nothing.
			return nil, fmt.Errorf("package %s: %w; run apt-get update, and see ci/setup.sh for the sources", name, ErrUnknownPackage)
		}
		list = append(list, p)
	}
	if runErr != nil {
		return nil, fmt.Errorf("look up packages: %w", runErr)
	}
	return list, nil
}

// Obtain looks up the packages and fetches each that is not cached yet. When
// apt's lists turn out to be missing or older than the mirror they are updated,
// once, which needs root.
func (a *Archive) Obtain(ctx context.Context, names ...string) ([]Package, error) {
	list, err := a.obtain(ctx, names)
	if err == nil || ctx.Err() != nil {
		return list, err
	}
	a.Log.WithError(err).Info("apt lists are updated, a package could not be fetched with the ones there are")
	if _, updateErr := a.command(ctx, "", "apt-get", "-q", "update"); updateErr != nil {
		return nil, fmt.Errorf("%w (and updating apt's lists failed: %w)", err, updateErr)
	}
	return a.obtain(ctx, names)
}

func (a *Archive) obtain(ctx context.Context, names []string) ([]Package, error) {
	list, err := a.Candidates(ctx, names...)
	if err != nil {
		return nil, err
	}
	var missing []Package
	for i := range list {
		list[i].Path = a.path(list[i])
		if _, err := os.Stat(list[i].Path); err != nil {
			missing = append(missing, list[i])
		}
	}
	if len(missing) > 0 {
		if err := a.fetch(ctx, missing); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// path is where the cache keeps p. An epoch has a colon, which apt escapes in
// file names, and so do we.
func (a *Archive) path(p Package) string {
	version := strings.ReplaceAll(p.Version, ":", "%3a")
	return filepath.Join(a.CacheDir, fmt.Sprintf("%s_%s_%s.deb", p.Name, version, p.SHA256))
}

// fetch downloads packages into the cache, all in one go: apt-get takes a second
// to read its lists.
func (a *Archive) fetch(ctx context.Context, packages []Package) error {
	if err := os.MkdirAll(a.CacheDir, 0o755); err != nil {
		return fmt.Errorf("make package cache: %w", err)
	}
	dir, err := os.MkdirTemp(a.CacheDir, ".fetch-*")
	if err != nil {
		return fmt.Errorf("fetch packages: %w", err)
	}
	defer os.RemoveAll(dir)
	// The sandbox user of apt cannot write into our cache.
	args := []string{"-q", "-o", "APT::Sandbox::User=root", "download"}
	for _, p := range packages {
		args = append(args, p.String())
	}
	a.Log.WithField("packages", args[4:]).Info("fetching packages")
	if _, err := a.command(ctx, dir, "apt-get", args...); err != nil {
		return fmt.Errorf("fetch packages: %w", err)
	}
	for _, p := range packages {
		if err := a.keep(dir, p); err != nil {
			return fmt.Errorf("fetch package %s: %w", p, err)
		}
	}
	return nil
}

// keep checks what apt-get left in dir for p and moves it into the cache.
func (a *Archive) keep(dir string, p Package) error {
	// A package's name has no underscore, so this finds no other's file.
	got, err := filepath.Glob(filepath.Join(dir, p.Name+"_*.deb"))
	if err != nil {
		return err
	}
	if len(got) != 1 {
		return fmt.Errorf("apt-get download left %d files for it instead of one", len(got))
	}
	if err := checkDigest(got[0], p.SHA256); err != nil {
		return err
	}
	return os.Rename(got[0], a.path(p))
}

func (a *Archive) command(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	if a.run != nil {
		return a.run(ctx, dir, name, args...)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("%s %s: %w: %s", name, args[0], err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}

func checkDigest(path, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("sha256 is %s, apt's lists say %s", got, want)
	}
	return nil
}
