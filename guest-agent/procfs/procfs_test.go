package procfs

import (
	"errors"
	"os"
	"testing"
)

func TestThisProcess(t *testing.T) {
	p, err := Process(os.Getpid())
	if err != nil || p.Pid == 0 || p.State != "R" && p.State != "S" || p.Threads < 1 || p.MemoryBytes == 0 || p.Command == "" {
		t.Fatalf("%+v, %v", p, err)
	}
	if p.Uid != int64(os.Geteuid()) || int(p.ParentPid) != os.Getppid() {
		t.Errorf("%+v", p)
	}
	networks, err := Networks(os.Getpid())
	if err != nil || len(networks) == 0 {
		t.Errorf("%+v, %v", networks, err)
	}
}

func TestNoProcess(t *testing.T) {
	if _, err := Process(1 << 30); !errors.Is(err, ErrEnded) {
		t.Errorf("got %v", err)
	}
}

// A process may call itself what it likes.
func TestOddNames(t *testing.T) {
	status := []byte("Name:\ta) R 1\nState:\tZ (zombie)\nPPid:\t7\nUid:\t1\t2\t3\t4\nNSpid:\t900\t5\n")
	stat := []byte("900 (a) R 1) Z 7 900 900 0 -1 0 1 2 3 4 150 50 0 0 20 0 1")
	p, err := parse(status, stat)
	if err != nil || p.State != "Z" || p.Pid != 5 || p.ParentPid != 7 || p.Uid != 2 || p.CpuMicroseconds != 2_000_000 || p.Command != "[a)]" {
		t.Errorf("%+v, %v", p, err)
	}
	for _, bad := range []string{"", "1 (", "1 (a) R 1"} {
		if _, err := parse(status, []byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
