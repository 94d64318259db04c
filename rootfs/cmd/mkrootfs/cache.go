package main

import (
	"os"
	"path/filepath"

	"github.com/cardplane/cardplane/rootfs/debian"
	"github.com/cardplane/cardplane/rootfs/kernel"
)

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
