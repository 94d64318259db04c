// Package cache says where packages, kernels and images are kept between
// builds.
package cache

import (
	"fmt"
	"os"
	"path/filepath"
)

// Env moves the cache, for machines where home is small or not kept.
const Env = "CARDPLANE_CACHE"

// Dir is $CARDPLANE_CACHE, else cardplane under $XDG_CACHE_HOME or ~/.cache.
func Dir() (string, error) {
	if dir := os.Getenv(Env); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache directory (%w): set %s", err, Env)
	}
	return filepath.Join(dir, "cardplane"), nil
}
