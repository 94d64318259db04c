package crun

import (
	"os"
	"path/filepath"
	"testing"
)

func TestUsage(t *testing.T) {
	root := t.TempDir()
	r := &Runtime{config: Config{CgroupRoot: root}}
	if out, err := r.Usage("none"); err != nil || out.CpuMicroseconds != 0 {
		t.Errorf("without a cgroup: %+v, %v", out, err)
	}
	dir := filepath.Join(root, "containers", "c")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"cpu.stat": "usage_usec 30\nuser_usec 20\nsystem_usec 10\nodd\n", "memory.current": "4096\n",
		"memory.max": "max\n", "memory.stat": "anon 1\ninactive_file 7\n", "pids.current": "3\n",
		"io.stat": "253:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0\n253:16 rbytes=5 wbytes=x rios=1 wios=1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := r.Usage("c")
	if err != nil || out.MemoryLimitBytes != 0 {
		t.Errorf("without a limit: %+v, %v", out, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "memory.max"), []byte("8192\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err = r.Usage("c")
	if err != nil || out.CpuMicroseconds != 30 || out.UserMicroseconds != 20 || out.SystemMicroseconds != 10 || out.MemoryBytes != 4096 ||
		out.MemoryLimitBytes != 8192 || out.MemoryCacheBytes != 7 || out.Processes != 3 || out.ReadBytes != 15 || out.WrittenBytes != 20 || out.Reads != 2 || out.Writes != 3 {
		t.Errorf("%+v, %v", out, err)
	}
}
