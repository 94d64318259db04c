package diskbench_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/ci/diskbench"
)

func TestMeasure(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	r, err := diskbench.Measure(name, 2<<20, 10)
	if errors.Is(err, unix.EINVAL) {
		t.Skipf("the file system of %s takes no O_DIRECT", name)
	}
	if err != nil || r.Write <= 0 || r.Read <= 0 || r.RandomWrite <= 0 || r.RandomRead <= 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
}
