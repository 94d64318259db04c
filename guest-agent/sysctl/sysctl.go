// Package sysctl sets parameters of the kernel.
package sysctl

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cardplane/cardplane/guest-agent/container"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// Dir is where parameters are files: /proc/sys, but in tests.
type Dir string

var _ container.Kernel = Dir("")

// SetParameters implements container.Kernel. It stops at the first that the
// kernel lacks or refuses.
func (d Dir) SetParameters(params map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if err := d.set(name, params[name]); err != nil {
			return err
		}
	}
	return nil
}

func (d Dir) set(name, value string) error {
	path := strings.ReplaceAll(name, ".", "/")
	if !filepath.IsLocal(path) || strings.Contains(name, "/") {
		return refused("%q is no name of a kernel parameter; it has words with dots between them", name)
	}
	f, err := os.OpenFile(filepath.Join(string(d), path), os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return refused("the guest's kernel has no parameter %q", name)
	}
	if err != nil {
		return refused("the kernel parameter %q cannot be set: %w", name, err)
	}
	_, err = f.WriteString(value)
	if err := errors.Join(err, f.Close()); err != nil {
		return refused("the guest's kernel takes no %.100q for the parameter %q: %w", value, name, err)
	}
	return nil
}

func refused(format string, args ...any) error {
	return apierr.New(apierr.InvalidArgument, "invalid_sysctl", format, args...).At("/sysctls")
}
