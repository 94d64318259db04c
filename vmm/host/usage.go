package host

import (
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/space"
)

// hostMemory returns the host's memory in bytes.
func hostMemory() (int64, error) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0, fmt.Errorf("read host memory: %w", err)
	}
	return int64(info.Totalram) * int64(info.Unit), nil
}

// usage returns what dir takes and what its filesystem has.
func usage(dir string) (hostapi.Usage, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return hostapi.Usage{}, fmt.Errorf("statfs %s: %w", dir, err)
	}
	u := hostapi.Usage{
		TotalBytes: int64(st.Blocks) * st.Bsize,
		FreeBytes:  int64(st.Bavail) * st.Bsize,
	}
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil // removed meanwhile
		}
		if info, err := e.Info(); err == nil {
			u.UsedBytes += space.Allocated(info)
		}
		return nil
	})
	if err != nil {
		return hostapi.Usage{}, fmt.Errorf("measure %s: %w", dir, err)
	}
	return u, nil
}
