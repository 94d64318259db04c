package machine

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

func TestDeviceGroups(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to change a file's group")
	}
	path := filepath.Join(t.TempDir(), "device")
	for _, c := range []struct {
		mode  os.FileMode
		group int
		want  []uint32
	}{
		{0o666, 0, nil}, {0o660, 77, []uint32{77}}, {0o600, 0, []uint32{5}}, {0o660, 0, []uint32{5}}, {0o600, 77, []uint32{5}},
	} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, -1, c.group); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		groups, err := deviceGroups(path, 5)
		if err != nil || !slices.Equal(groups, c.want) {
			t.Errorf("%+v: %v, %v", c, groups, err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if gid := info.Sys().(*syscall.Stat_t).Gid; len(c.want) > 0 && (gid != c.want[0] || info.Mode()&0o060 != 0o060) {
			t.Errorf("%+v: mode %v, group %d", c, info.Mode(), gid)
		}
	}
	if groups, err := deviceGroups(path+".absent", 5); err != nil || groups != nil {
		t.Errorf("absent: %v, %v", groups, err)
	}
}
