package procs

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestSettings(t *testing.T) {
	l := Limits{MemoryBytes: 1 << 30, CPUs: 3, CPUWeight: 200, PIDs: 520}
	all := []setting{
		{"memory.max", "1073741824"}, {"memory.oom.group", "1"},
		{"cpu.max", "300000 100000"}, {"cpu.weight", "200"}, {"pids.max", "520"},
	}
	if got := l.settings(nil); !slices.Equal(got, all) {
		t.Errorf("got %v", got)
	}
	if got := l.settings([]string{"memory", "cpu"}); !slices.Equal(got, all[4:]) {
		t.Errorf("got %v", got)
	}
	if got := (Limits{}).settings(nil); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	c := &Cgroups{lacking: []string{"memory", "pids"}}
	if got := c.Enforced(l); got != (Limits{CPUs: 3, CPUWeight: 200}) {
		t.Errorf("got %+v", got)
	}
	if got := (*Cgroups)(nil).Enforced(l); got != (Limits{}) {
		t.Errorf("got %+v", got)
	}
}

func TestUsage(t *testing.T) {
	c := &Cgroups{dir: t.TempDir()}
	if got := c.Usage("absent"); got != (Usage{}) {
		t.Errorf("got %+v", got)
	}
	dir := filepath.Join(c.dir, "a")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"memory.current": "4096\n", "cpu.stat": "usage_usec 1234\nuser_usec 1000\n",
		"io.stat": "8:0 rbytes=10 wbytes=1 rios=1 wios=1 dbytes=0 dios=0\n254:1 rbytes=5 wbytes=2 rios=1 wios=1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	u := c.Usage("a")
	if *u.MemoryBytes != 4096 || *u.CPUMicroseconds != 1234 || *u.ReadBytes != 15 || *u.WrittenBytes != 3 {
		t.Errorf("got %+v", u)
	}
	if err := os.WriteFile(filepath.Join(dir, "cpu.stat"), []byte("what"), 0o600); err != nil {
		t.Fatal(err)
	}
	if u := c.Usage("a"); u.CPUMicroseconds != nil {
		t.Errorf("got %+v", u)
	}
}

// Another vmmd of the machine removes the parent when it ends.
func TestMakeAfterTheParentIsGone(t *testing.T) {
	c := &Cgroups{dir: filepath.Join(t.TempDir(), "gone"), lacking: controllers}
	for range 2 {
		f, err := c.Make("a", Limits{})
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
}
