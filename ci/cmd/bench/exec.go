package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/ci/harness"
)

const execRounds = 20

// execRoundTrip compares an exec through the API, from the request to the
// exit code, with `crun exec` of a like program timed inside a guest that
// runs nothing else.
func execRoundTrip(ctx context.Context, s *harness.Stack) error {
	alone, err := crunAlone(ctx, s)
	if err != nil {
		return err
	}
	ours, err := withContainer(ctx, s, "forever", func(id string) (sample, error) {
		var times sample
		for range execRounds + 1 {
			start := time.Now()
			if err := execTrue(ctx, s, id); err != nil {
				return nil, err
			}
			times = append(times, time.Since(start))
		}
		return times[1:], nil
	})
	if err != nil {
		return err
	}
	fmt.Printf("crun exec inside the guest   median %.1f ms\n", float64(alone.Microseconds())/1000)
	fmt.Printf("exec through the API         %v\n", ours)
	fmt.Printf("  ratio                      %.2f   (aim: at most 1.5)\n", float64(ours.median())/float64(alone))
	return nil
}

// execTrue runs one exec to its end.
func execTrue(ctx context.Context, s *harness.Stack, id string) error {
	e, err := s.Client.Containers().Exec(ctx, id, cardplane.ExecSpec{Command: []string{"/probe", "exit", "0"}})
	if err != nil {
		return err
	}
	session, err := s.Client.Containers().AttachExec(ctx, id, e.ID)
	if err != nil {
		return err
	}
	defer func() { _ = session.Close() }()
	for err == nil {
		_, err = session.Recv(ctx)
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	if code, err := session.ExitCode(); err != nil || code != 0 {
		return fmt.Errorf("exec: exit code %d, %w", code, err)
	}
	return nil
}

// crunAlone boots a guest whose PID 1 is benchinit, and returns the median
// time of its `crun exec`.
func crunAlone(ctx context.Context, s *harness.Stack) (time.Duration, error) {
	dir, err := os.MkdirTemp("", "cp-bench-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	init := filepath.Join(dir, "benchinit")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", init, "./ci/cmd/benchinit")
	build.Dir, build.Env = harness.Root(), append(os.Environ(), "CGO_ENABLED=0")
	bin := s.Bin()
	kernel := filepath.Base(s.Guest())
	make := exec.CommandContext(ctx, filepath.Join(bin, "mkrootfs"), "guest", "--kernel", kernel, "--out", dir,
		"--agent", init, "--initrd-init", filepath.Join(bin, "initrd-init"), "--bareinit", filepath.Join(bin, "bareinit"))
	for _, cmd := range []*exec.Cmd{build, make} {
		if out, err := cmd.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, out)
		}
	}
	b, err := bareBoot(ctx, filepath.Join(dir, kernel), "guest-agent", "CRUN-EXEC-MICROSECONDS")
	if err != nil {
		return 0, err
	}
	micros, err := strconv.Atoi(b.line)
	return time.Duration(micros) * time.Microsecond, err
}

// withContainer runs fn while a container runs /probe with the words of job.
func withContainer[T any](ctx context.Context, s *harness.Stack, job string, fn func(id string) (T, error)) (result T, err error) {
	containers := s.Client.Containers()
	c, err := containers.Create(ctx, cardplane.ContainerSpec{Image: "demo/probe", Command: append([]string{"/probe"}, strings.Fields(job)...)}, "")
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, containers.Remove(context.WithoutCancel(ctx), c.ID, true)) }()
	if _, err := containers.Start(ctx, c.ID); err != nil {
		return result, err
	}
	return fn(c.ID)
}
