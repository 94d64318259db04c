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
	for i := range list {
		if list[i].Path, err = a.fetch(ctx, list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// fetch returns the cached .deb file of p, downloading it first if need be.
func (a *Archive) fetch(ctx context.Context, p Package) (string, error) {
	path := filepath.Join(a.CacheDir, fmt.Sprintf("%s_%s_%s.deb", p.Name, escapeVersion(p.Version), p.SHA256))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(a.CacheDir, 0o755); err != nil {
		return "", fmt.Errorf("make package cache: %w", err)
	}
	dir, err := os.MkdirTemp(a.CacheDir, ".fetch-*")
	if err != nil {
		return "", fmt.Errorf("fetch package %s: %w", p, err)
	}
	defer os.RemoveAll(dir)
	a.Log.WithField("package", p.String()).Info("fetching package")
	// The sandbox user of apt cannot write into our cache.
	if _, err := a.command(ctx, dir, "apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", p.String()); err != nil {
		return "", fmt.Errorf("fetch package %s: %w", p, err)
	}
	got, err := onlyFile(dir)
	if err != nil {
		return "", fmt.Errorf("fetch package %s: %w", p, err)
	}
	if err := checkDigest(got, p.SHA256); err != nil {
		return "", fmt.Errorf("fetch package %s: %w", p, err)
	}
	if err := os.Rename(got, path); err != nil {
		return "", fmt.Errorf("cache package %s: %w", p, err)
	}
	return path, nil
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

// escapeVersion makes a version fit for a file name: an epoch has a colon.
func escapeVersion(version string) string { return strings.ReplaceAll(version, ":", "%3a") }

func onlyFile(dir string) (string, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil {
		return "", err
	}
	if len(names) != 1 {
		return "", fmt.Errorf("apt-get download left %d packages instead of one", len(names))
	}
	return names[0], nil
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
