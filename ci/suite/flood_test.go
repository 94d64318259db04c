package suite

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cardplane/cardplane/ci/harness"
	"github.com/cardplane/cardplane/rootfs/initramfs"
)

// flood is how many bytes the guest writes at least, and consoleBound
// what of that the host may hold at any time: twice what is kept, and what a
// guest writes until that is seen.
const (
	flood        = 6 << 20
	consoleBound = 4 << 20
)

// floodingGuest returns a copy of the guest artefacts whose PID 1 writes to the
// console without end.
func floodingGuest(t *testing.T, guest string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "probe")
	build := exec.Command("go", "build", "-o", binary, "./ci/cmd/probe")
	build.Dir, build.Env = harness.Root(), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build probe: %v: %s", err, out)
	}
	program, err := os.ReadFile(binary)
	must(t, err)
	var initrd bytes.Buffer
	must(t, initramfs.Build(&initrd, program, nil))
	const file = "flood"
	dir := changedGuest(t, guest, func(manifest map[string]any) {
		manifest["cmdline"] = fmt.Sprintf("console=ttyS0 quiet -- write %d", 100*flood)
		manifest["initrd"] = map[string]any{
			"file": file, "size": initrd.Len(), "sha256": fmt.Sprintf("%x", sha256.Sum256(initrd.Bytes())), "source": []string{"probe"},
		}
	})
	must(t, os.WriteFile(filepath.Join(dir, file), initrd.Bytes(), 0o600))
	return dir
}

// A guest that writes to its console without end does not fill the host, and
// its newest words can be read all the while.
func TestGuestFloodsItsConsole(t *testing.T) {
	t.Parallel()
	harness.NeedGuests(t)
	cfg := harness.DefaultConfig()
	if cfg.ComputeHost != "" {
		t.Skip("a guest of an emulated host writes 3 KB a second to its console; the bound is shown where it writes faster")
	}
	cfg.Guest = floodingGuest(t, cfg.Guest)
	cfg.CardArgs = append(cfg.CardArgs, "--boot-timeout", "20m")
	s := harness.ForTest(t, cfg)
	load(t, s, "probe")
	l, err := s.Link()
	must(t, err)
	defer l.Close()
	starts := cardctl(t, s, "run", "--name", "flood", "demo/probe", "/probe", "exit", "0")
	starts.Stderr = t.Output()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = starts.Run()
	}()
	ctx := patient(t)
	written, held := int64(0), int64(0)
	for written < flood {
		select {
		case <-ended:
			t.Fatalf("the start ended after %d bytes on the console", written)
		case <-time.After(200 * time.Millisecond):
		}
		vms, err := l.VMs(ctx)
		must(t, err)
		if len(vms) == 0 {
			continue
		}
		size, taken := sizeOf(t, s, vms[0].Paths.Console)
		written, held = max(written, size), max(held, taken)
		tail, err := l.ConsoleTail(ctx, vms[0].Id, 4096)
		if err != nil || bytes.IndexByte(tail, 0) >= 0 || size > 4096 && len(tail) < 4096 {
			t.Errorf("the console's last %d bytes: %q, %v", len(tail), tail, err)
		}
	}
	t.Logf("the console was %d bytes long and took %d at most", written, held)
	if held > consoleBound {
		t.Errorf("the console took %d bytes; %d are its bound", held, consoleBound)
	}
	run(t, s, 0, "rm", "-f", "flood")
	<-ended
}

// sizeOf returns the length of a file on the host, and what it takes there.
func sizeOf(t *testing.T, s *harness.Stack, path string) (size, taken int64) {
	t.Helper()
	fields := strings.Fields(onHost(t, s, "stat -c '%%s %%b' '%s'", path))
	if len(fields) != 2 {
		t.Fatalf("stat says %q", fields)
	}
	size, err := strconv.ParseInt(fields[0], 10, 64)
	must(t, err)
	blocks, err := strconv.ParseInt(fields[1], 10, 64)
	must(t, err)
	return size, blocks * 512
}
