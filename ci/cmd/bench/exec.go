package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
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
	"github.com/cardplane/cardplane/cardplane/ocispec"
	"github.com/cardplane/cardplane/ci/harness"
	"github.com/cardplane/cardplane/rootfs/manifest"
)

const (
	// execRounds is how often both kinds of exec are timed, in turn.
	execRounds = 9
	// execsPerRound is how many execs through the API a round times; benchinit
	// times as many.
	execsPerRound = 20
)

// execRoundTrip compares an exec through the API, from the request to the
// exit code, with `crun exec` of a like program in a like container, timed
// inside a guest that runs nothing else. Each round has the median of many of either kind.
func execRoundTrip(ctx context.Context, s *harness.Stack) error {
	dir, err := os.MkdirTemp("", "cp-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	guest, err := buildAlone(ctx, s, dir)
	if err != nil {
		return err
	}
	var alone sample
	ours, err := withContainer(ctx, s, probe("forever"), func(id string) (ours sample, err error) {
		for range execRounds {
			a, err := crunAlone(ctx, guest)
			if err != nil {
				return nil, err
			}
			o, err := throughAPI(ctx, s, id)
			if err != nil {
				return nil, err
			}
			alone, ours = append(alone, a), append(ours, o)
		}
		return ours, nil
	})
	if err != nil {
		return err
	}
	fmt.Printf("crun exec inside the guest   %v\n", alone)
	fmt.Printf("exec through the API         %v\n", ours)
	fmt.Printf("  ratio                      %v   (aim: at most 1.5)\n", paired(ours, alone))
	return nil
}

// throughAPI returns the median time of an exec through the API, after one
// that is not timed.
func throughAPI(ctx context.Context, s *harness.Stack, id string) (time.Duration, error) {
	var times sample
	for range execsPerRound + 1 {
		start := time.Now()
		if err := execTrue(ctx, s, id); err != nil {
			return 0, err
		}
		times = append(times, time.Since(start))
	}
	return times[1:].median(), nil
}

// execTrue runs one exec to its end.
func execTrue(ctx context.Context, s *harness.Stack, id string) error {
	e, err := s.Client.Containers().Exec(ctx, id, cardplane.ExecSpec{Command: []string{"/probe", "exit", "0"}}, "")
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

// buildAlone builds a guest whose PID 1 is benchinit into dir, and returns
// where it is.
func buildAlone(ctx context.Context, s *harness.Stack, dir string) (string, error) {
	spec, err := aloneSpec(s.Guest())
	if err != nil {
		return "", err
	}
	init := filepath.Join(dir, "benchinit")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w -X main.spec="+spec, "-o", init, "./ci/cmd/benchinit")
	build.Dir, build.Env = harness.Root(), append(os.Environ(), "CGO_ENABLED=0")
	bin := s.Bin()
	kernel := filepath.Base(s.Guest())
	make := exec.CommandContext(ctx, filepath.Join(bin, "mkrootfs"), "guest", "--kernel", kernel, "--out", dir,
		"--agent", init, "--initrd-init", filepath.Join(bin, "initrd-init"), "--bareinit", filepath.Join(bin, "bareinit"))
	for _, cmd := range []*exec.Cmd{build, make} {
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, out)
		}
	}
	return filepath.Join(dir, kernel), nil
}

// aloneSpec returns the specification of a container like that of
// execRoundTrip, for the guest in dir and as benchinit takes it.
func aloneSpec(dir string) (string, error) {
	m, err := manifest.Read(dir)
	if err != nil {
		return "", err
	}
	spec, err := ocispec.Build(ocispec.Request{ID: "c", Spec: probe("forever"), Kernel: m.Kernel.Release})
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(spec)
	return base64.StdEncoding.EncodeToString(text), err
}

// crunAlone boots that guest and returns the median time of its `crun exec`.
func crunAlone(ctx context.Context, guest string) (time.Duration, error) {
	b, err := bareBoot(ctx, guest, "guest-agent", "CRUN-EXEC-MICROSECONDS")
	if err != nil {
		return 0, err
	}
	micros, err := strconv.Atoi(b.line)
	return time.Duration(micros) * time.Microsecond, err
}

// probe is a container of ci/cmd/probe with a job.
func probe(job string) cardplane.ContainerSpec {
	return cardplane.ContainerSpec{Image: "demo/probe", Command: append([]string{"/probe"}, strings.Fields(job)...)}
}

// withContainer runs fn while a container of spec runs.
func withContainer[T any](ctx context.Context, s *harness.Stack, spec cardplane.ContainerSpec, fn func(id string) (T, error)) (result T, err error) {
	containers := s.Client.Containers()
	c, err := containers.Create(ctx, spec, "")
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, containers.Remove(context.WithoutCancel(ctx), c.ID, true, "")) }()
	if _, err := containers.Start(ctx, c.ID); err != nil {
		return result, err
	}
	return fn(c.ID)
}
