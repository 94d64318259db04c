// Package inputs remembers what a directory of artefacts was made from, so that
// a build that has nothing to do ends at once.
package inputs

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cardplane/cardplane/rootfs/debian"
	"github.com/cardplane/cardplane/rootfs/durable"
	"github.com/cardplane/cardplane/rootfs/manifest"
)

// fileName is the file, beside the manifest, that says what the artefacts
// were made from.
const fileName = ".inputs.json"

// aptLists is where apt keeps what its mirrors offer.
const aptLists = "/var/lib/apt/lists"

// inputs are digests of what decides over the artefacts. Asking apt takes
// longer than a build that has nothing to do may take, so the state of its
// lists stands for its answer.
type inputs struct {
	// Files covers this program and the executables for the guest.
	Files string `json:"files"`
	// Lists covers the state of apt's lists.
	Lists string `json:"lists"`
	// Packages covers the packages that were used, by name, version and digest.
	Packages string `json:"packages"`
}

// read returns what dir was made from; the zero value when it is not
// known or the directory is not complete, which asks for a build.
func read(dir string) (inputs, error) {
	text, err := os.ReadFile(filepath.Join(dir, fileName))
	if errors.Is(err, fs.ErrNotExist) {
		return inputs{}, nil
	}
	if err != nil {
		return inputs{}, fmt.Errorf("read inputs of last build: %w", err)
	}
	var in inputs
	if err := json.Unmarshal(text, &in); err != nil {
		return inputs{}, nil
	}
	made, err := manifest.Read(dir)
	if err != nil || made.SameSizes(dir) != nil {
		return inputs{}, nil
	}
	return in, nil
}

// write puts the inputs beside the manifest of dir.
func (in inputs) write(dir string) error {
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return durable.WriteFile(dir, fileName, append(text, '\n'))
}

// digestFiles hashes the content of files, and their order.
func digestFiles(names ...string) (string, error) {
	h := sha256.New()
	for _, name := range names {
		if err := hashFile(h, name); err != nil {
			return "", fmt.Errorf("digest inputs: %w", err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func hashFile(h hash.Hash, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.Copy(h, f)
	fmt.Fprintf(h, "\n%d\n", n)
	return err
}

// digestLists hashes names, lengths and times of apt's lists.
func digestLists() (string, error) {
	entries, err := os.ReadDir(aptLists)
	if err != nil {
		return "", fmt.Errorf("apt's lists: %w", err)
	}
	h := sha256.New()
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return "", fmt.Errorf("apt's lists: %w", err)
		}
		if info.Mode().IsRegular() && info.Size() > 0 {
			fmt.Fprintln(h, e.Name(), info.Size(), info.ModTime().UnixNano())
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// digestPackages hashes names, versions and digests of packages.
func digestPackages(packages []debian.Package) string {
	h := sha256.New()
	for _, p := range packages {
		fmt.Fprintln(h, p.Name, p.Version, p.SHA256)
	}
	return hex.EncodeToString(h.Sum(nil))
}
