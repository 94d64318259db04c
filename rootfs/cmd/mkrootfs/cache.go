package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/cardplane/cardplane/rootfs/debian"
	"github.com/cardplane/cardplane/rootfs/kernel"
)

// cacheEnv moves the cache, for machines where home is small or not kept.
const cacheEnv = "CARDPLANE_CACHE"

// defaultCache is $CARDPLANE_CACHE, else cardplane under $XDG_CACHE_HOME or
// ~/.cache.
func defaultCache() (string, error) {
	if dir := os.Getenv(cacheEnv); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache directory (%w): set %s or --cache", err, cacheEnv)
	}
	return filepath.Join(dir, "cardplane"), nil
}

func (m *Main) archive() *debian.Archive {
	return &debian.Archive{CacheDir: filepath.Join(m.CacheDir, "deb"), Log: m.log}
}

func (m *Main) kernelBuilder() *kernel.Builder {
	return &kernel.Builder{
		CacheDir: filepath.Join(m.CacheDir, "kernel"),
		Jobs:     m.Jobs,
		Log:      m.log,
		Output:   os.Stderr,
	}
}
