package logs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// suffix ends the name of each of a journal's files.
const suffix = ".journal"

func filePath(dir string, start int64) string {
	return filepath.Join(dir, fmt.Sprintf("%019d", start)+suffix)
}

// listFiles returns the first positions of the files in dir, in order.
func listFiles(dir string) ([]int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var starts []int64
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), suffix)
		start, err := strconv.ParseInt(name, 10, 64)
		if ok && err == nil && start >= 0 {
			starts = append(starts, start)
		}
	}
	slices.Sort(starts)
	return starts, nil
}

// Size returns how many bytes the journal in dir takes. One that does not
// exist takes none.
func Size(dir string) (int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	var total int64
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return total, err
		}
		total += info.Size()
	}
	return total, nil
}

// removeFile removes a file, which may be gone already.
func removeFile(dir string, start int64) error {
	err := os.Remove(filePath(dir, start))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
