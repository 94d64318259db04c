package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cardplane/cardplane/ci/computehost"
	"github.com/cardplane/cardplane/ci/harness"
	"github.com/cardplane/cardplane/rootfs/manifest"
	"github.com/cardplane/cardplane/vmm/vmmtest"
)

// The two bodies of tests that every lane runs.
const (
	conformance = "./vmm/vmmtest"
	endToEnd    = "./ci/suite"
)

// subjects are the conformance tests that are another VMM's, by lane.
var subjects = map[string]string{chQEMU: "CloudHypervisor", cloudHypervisor: "ChQEMU|Fake"}

// runLane runs both bodies of tests on l.
func runLane(ctx context.Context, l lane, root, pattern string, t *tally) error {
	guest := guestFor(l, root)
	env := append(os.Environ(), harness.EnvEnable+"=1", harness.EnvGuest+"="+guest, harness.EnvVMM+"="+l.vmm)
	beside := []string{"-parallel", strconv.Itoa(parallel(l))}
	common := append(slices.Clone(beside), "-skip", subjects[l.vmm], conformance)
	suite := append(beside, endToEnd)
	if l.place == onThisMachine {
		return errors.Join(
			goTest(ctx, root, env, pattern, t, common...),
			goTest(ctx, root, env, pattern, t, suite...))
	}
	return withHost(ctx, root, func(h *computehost.Host) error {
		wrapper, cleanup, err := execInHost(ctx, h, root, guest)
		if err != nil {
			return err
		}
		defer cleanup()
		static := append(slices.Clone(env), "CGO_ENABLED=0")
		env = append(env, computehost.EnvDir+"="+h.Dir)
		return errors.Join(
			goTest(ctx, root, static, pattern, t, append([]string{"-exec", wrapper}, common...)...),
			goTest(ctx, root, env, pattern, t, suite...))
	})
}

// withHost runs fn on a compute host that is booted for it.
func withHost(ctx context.Context, root string, fn func(*computehost.Host) error) (err error) {
	build := exec.CommandContext(ctx, filepath.Join(root, "build", "bin", "computehost"), "build")
	build.Dir, build.Stdout, build.Stderr = root, os.Stdout, os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the compute host's image: %w", err)
	}
	accel := computehost.ChooseAccel()
	h, err := computehost.Boot(ctx, computehost.Config{
		Image: filepath.Join(root, "build", "host"), Accel: accel, QEMU: accel.QEMU(root),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close(context.WithoutCancel(ctx))) }()
	return fn(h)
}

// execInHost returns the flag -exec that makes go test run the conformance
// tests in h, and what removes the file that it needs.
func execInHost(ctx context.Context, h *computehost.Host, root, guest string) (wrapper string, cleanup func(), err error) {
	dir, err := os.MkdirTemp("", "guesttests-")
	if err != nil {
		return "", nil, err
	}
	cleanup = func() { _ = os.RemoveAll(dir) }
	program := filepath.Join(dir, "guest")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, conformance+"/guest")
	build.Dir, build.Stderr, build.Env = root, os.Stderr, append(os.Environ(), "CGO_ENABLED=0")
	if err := build.Run(); err != nil {
		cleanup()
		return "", nil, fmt.Errorf("build the conformance tests' guest: %w", err)
	}
	words := []string{
		filepath.Join(root, "build", "bin", "computehost"), "exec",
		"--env", vmmtest.EnvGuestTests + "=1",
		"--env", vmmtest.EnvGuestDir + "=artefacts",
		"--env", vmmtest.EnvPrograms + "=programs", "--file", "programs/guest=" + program,
	}
	m, err := manifest.Read(guest)
	if err != nil {
		cleanup()
		return "", nil, err
	}
	names := []string{manifest.FileName, m.Kernel.File}
	if m.Initrd != nil {
		names = append(names, m.Initrd.File)
	}
	for _, name := range names {
		words = append(words, "--file", "artefacts/"+name+"="+filepath.Join(guest, name))
	}
	return strings.Join(append(words, h.Dir), " "), cleanup, nil
}

// parallel is how many tests run beside each other on l: one more than there
// are processors, because tests mostly wait for one guest, which uses one. In
// the emulated compute host one guest is already more than fits.
func parallel(l lane) int {
	if l.place == inComputeHost {
		return 1
	}
	return runtime.NumCPU() + 1
}

// goTest runs go test and has t read what it says.
func goTest(ctx context.Context, root string, env []string, pattern string, t *tally, args ...string) error {
	if pattern != "" {
		args = append([]string{"-run", pattern}, args...)
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json", "-count=1", "-p", "1", "-timeout", "2h"}, args...)...)
	cmd.Dir, cmd.Env, cmd.Stderr = root, env, os.Stderr
	// Interrupted, the tests shall clean up behind them: go test passes no
	// signal on, so that each of its group gets it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = time.Minute
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	return errors.Join(t.read(out), cmd.Wait())
}
