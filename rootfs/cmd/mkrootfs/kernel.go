package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cardplane/cardplane/rootfs/durable"
	"github.com/cardplane/cardplane/rootfs/kernel"
)

// buildKernel builds our own kernel into the cache and prints where it is.
func (m *Main) buildKernel(ctx context.Context) error {
	archive, builder := m.archive(), m.kernelBuilder()
	if err := os.MkdirAll(builder.CacheDir, 0o755); err != nil {
		return fmt.Errorf("kernel cache: %w", err)
	}
	// Two builds at once would take twice as long for the same result.
	unlock, err := durable.Lock(filepath.Join(builder.CacheDir, ".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	candidates, err := archive.Candidates(ctx, kernel.SourcePackage)
	if err == nil {
		own, err := builder.Cached(candidates[0])
		if err == nil {
			fmt.Println(own.Vmlinux)
			return nil
		}
		if !errors.Is(err, kernel.ErrNotBuilt) {
			return err
		}
	}
	packages, err := archive.Obtain(ctx, kernel.SourcePackage)
	if err != nil {
		return err
	}
	own, err := builder.Build(ctx, packages[0])
	if err != nil {
		return err
	}
	fmt.Println(own.Vmlinux)
	return nil
}
