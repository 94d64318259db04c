package suite

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cardplane/cardplane/ci/harness"
)

// The whole suite runs with daemons that cannot read each other's files. This
// makes sure of it: what a directory of the other's holds is not what the
// daemon sees there.
func TestDaemonsShareNoFile(t *testing.T) {
	s := sharedStack(t)
	if s.Remote() {
		t.Skip("the daemons are on two machines")
	}
	if err := harness.Curtained(); err != nil {
		t.Skip(err)
	}
	for name, hidden := range map[string]struct {
		pid  int
		dirs []string
	}{
		"cardplaned": {s.CardPID(), []string{filepath.Join(s.Dir, "run"), filepath.Join(s.Dir, "host")}},
		"vmmd":       {s.HostPID(), []string{filepath.Join(s.Dir, "card"), s.Guest()}},
	} {
		for _, dir := range hidden.dirs {
			if there, err := os.ReadDir(dir); err != nil || len(there) == 0 {
				t.Fatalf("%s is empty (%v), so the test shows nothing", dir, err)
			}
			seen, err := os.ReadDir(filepath.Join(fmt.Sprintf("/proc/%d/root", hidden.pid), dir))
			if err != nil || len(seen) != 0 {
				t.Errorf("%s sees %v in %s (%v), want nothing", name, seen, dir, err)
			}
		}
	}
}
