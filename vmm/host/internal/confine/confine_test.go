package confine

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

const probeVariable = "TEST_CONFINE_PROBE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(probeVariable); dir != "" {
		probe(dir)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// probe prints what this process can do in dir.
func probe(dir string) {
	try := func(name string, err error) {
		if err != nil {
			println(name, "denied")
		} else {
			println(name, "allowed")
		}
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	_, err := os.ReadFile(path("read"))
	try("read", err)
	try("write-read-only", os.WriteFile(path("read"), nil, 0o600))
	f, err := os.OpenFile(path("write"), os.O_RDWR|os.O_TRUNC, 0)
	try("write", err)
	_ = f.Close()
	try("make", os.WriteFile(path("sockets/file"), nil, 0o600))
	try("fill", os.WriteFile(path("filled/file"), []byte("x"), 0o600))
	l, err := net.Listen("unix", path("sockets/s"))
	try("bind", err)
	if err == nil {
		try("unbind", l.Close())
	}
	_, err = os.ReadFile(path("other"))
	try("read-other", err)
	_, err = os.ReadDir("/etc")
	try("list-etc", err)
	var plain net.ListenConfig // multipath TCP is not what Landlock calls TCP
	plain.SetMultipathTCP(false)
	_, err = plain.Listen(context.Background(), "tcp", "127.0.0.1:0")
	try("tcp", err)
	try("run-other", exec.Command(path("program")).Run())
	try("run", exec.Command("/bin/true").Run())
	try("signal-out", syscall.Kill(os.Getppid(), 0))
	status, _ := os.ReadFile("/proc/self/status")
	_, after, _ := bytes.Cut(status, []byte("NoNewPrivs:\t"))
	println("no-new-privs", string(after[:1]))
}

func run(t *testing.T, policy *Policy, abi int, dir string) map[string]string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if policy != nil {
		policy.Run = append(policy.Run, self)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), probeVariable+"="+dir)
	var out bytes.Buffer
	cmd.Stderr = &out
	if err := Start(cmd, policy, abi); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	found := map[string]string{}
	for line := range strings.Lines(out.String()) {
		name, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		found[name] = what
	}
	return found
}

func testDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"read", "write", "other"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"sockets", "filled"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	program, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "program"), program, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestConfined(t *testing.T) {
	abi, err := ABI()
	if err != nil {
		t.Skipf("%v", err)
	}
	for _, try := range []int{1, 4, 5, abi} { // an older kernel is asked for less
		if try > abi {
			continue
		}
		dir := testDir(t)
		got := run(t, &Policy{
			Run:     []string{"/usr", "/bin", "/lib", "/lib64"},
			Read:    []string{filepath.Join(dir, "read"), "/proc", filepath.Join(dir, "absent")},
			Write:   []string{filepath.Join(dir, "write")},
			Devices: []string{"/dev/null"},
			Sockets: []string{filepath.Join(dir, "sockets")},
			Fill:    []string{filepath.Join(dir, "filled")},
		}, try, dir)
		want := map[string]string{
			"read": "allowed", "write-read-only": "denied", "write": "allowed", "make": "denied", "fill": "allowed",
			"bind": "allowed", "unbind": "allowed", "read-other": "denied", "list-etc": "denied",
			"tcp": "denied", "run-other": "denied", "run": "allowed", "signal-out": "denied", "no-new-privs": "1",
		}
		if try < 4 {
			want["tcp"] = "allowed"
		}
		if try < 6 {
			want["signal-out"] = "allowed"
		}
		for name, what := range want {
			if got[name] != what {
				t.Errorf("ABI %d: %s is %s, want %s", try, name, got[name], what)
			}
		}
	}
}

// Where the kernel has no Landlock, what is left is still taken.
func TestUnconfined(t *testing.T) {
	got := run(t, nil, 0, testDir(t))
	if got["read-other"] != "allowed" || got["no-new-privs"] != "1" {
		t.Errorf("%v", got)
	}
}

// The confinement must stay with the thread that it was put on.
func TestThisProcessStaysFree(t *testing.T) {
	if abi, err := ABI(); err == nil {
		run(t, &Policy{Run: []string{"/usr", "/bin", "/lib", "/lib64"}, Read: []string{"/proc"}, Devices: []string{"/dev/null"}}, abi, testDir(t))
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil || !bytes.Contains(status, []byte("NoNewPrivs:\t0")) {
		t.Errorf("%v", err)
	}
	if _, err := os.ReadDir("/etc"); err != nil {
		t.Error(err)
	}
}
