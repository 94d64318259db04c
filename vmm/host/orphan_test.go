package host_test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// A test process that dies must take its VMMs with it, or every crashed test
// run would leave some.
func TestVMMsEndWithTheTest(t *testing.T) {
	const child = "TEST_LEAVES_A_VMM"
	if path := os.Getenv(child); path != "" {
		b := newBed(t)
		b.start("a")
		_ = os.WriteFile(path, []byte(b.host.Config.RunDir), 0o600)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	path := t.TempDir() + "/run-dir"
	cmd := exec.Command(os.Args[0], "-test.run", "^TestVMMsEndWithTheTest$")
	cmd.Env = append(os.Environ(), child+"="+path, "CARDPLANE_TEST_PID=")
	_ = cmd.Run()
	runDir, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{T: t}
	for len(b.processesOf(string(runDir))) > 0 {
		time.Sleep(5 * time.Millisecond)
	}
	if err := os.RemoveAll(string(runDir[:len(runDir)-len("/run")])); err != nil {
		t.Fatal(err)
	}
}
