// Command fuzzapi runs schemathesis against a real cardplaned over vmmd and a
// VMM: requests made from the OpenAPI document, valid and invalid ones, and
// every answer held against it. It is what ci/fuzz.sh calls.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/cardplanetest"
	"github.com/cardplane/cardplane/ci/harness"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// unfuzzed are the operations that are left out, and why.
var unfuzzed = map[string]string{
	"attachContainer": "a WebSocket",
	"attachExec":      "a WebSocket",
	"connectPort":     "a WebSocket",
}

// The objects that the document's examples name.
const (
	exampleImage     = "python:3.11"
	exampleContainer = "web-1"
)

// tendEvery is how often they are looked after.
const tendEvery = 2 * time.Second

func main() {
	schemathesis := pflag.String("schemathesis", "schemathesis", "the fuzzer")
	budget := pflag.Duration("time", time.Minute, "how long to fuzz")
	pflag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *schemathesis, *budget, pflag.Args()); err != nil {
		stop()
		fmt.Fprintf(os.Stderr, "fuzzapi: %+v\n", err)
		os.Exit(1)
	}
}

// run fuzzes a stack of its own. The stack's end says what is left over.
func run(ctx context.Context, schemathesis string, budget time.Duration, args []string) (err error) {
	port, err := freePort()
	if err != nil {
		return err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	cfg := harness.DefaultConfig()
	cfg.CardArgs = []string{"--listen", "tcp://" + address}
	s, err := harness.Start(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			fmt.Fprint(os.Stderr, s.Logs())
		}
		err = errors.Join(err, s.Close(context.WithoutCancel(ctx)))
	}()
	if err := furnish(ctx, s); err != nil {
		return err
	}
	tended, stop := context.WithCancel(ctx)
	var tending sync.WaitGroup
	tending.Go(func() { tend(tended, s) })
	err = fuzz(ctx, schemathesis, "http://"+address, budget, args)
	stop()
	tending.Wait()
	if err != nil {
		return err
	}
	return checkLog(s.Logs())
}

// freePort returns a port on loopback that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// tend makes the examples anew that the fuzzer has removed, so that it goes on
// to find something.
func tend(ctx context.Context, s *harness.Stack) {
	for ctx.Err() == nil {
		_ = furnish(ctx, s) // the fuzzer may be in the way
		select {
		case <-ctx.Done():
		case <-time.After(tendEvery):
		}
	}
}

// furnish makes what the document's examples name, as far as it is not there.
func furnish(ctx context.Context, s *harness.Stack) error {
	if c, err := s.Client.Containers().Get(ctx, exampleContainer); err == nil && c.State.Active() {
		return nil
	}
	archive := cardplanetest.Archive(cardplane.ImageConfig{}, exampleImage)
	if _, err := s.Client.Images().Load(ctx, bytes.NewReader(archive), cardplane.LoadOptions{}); err != nil {
		return err
	}
	if out, err := s.Cardctl(ctx, "load", harness.Archive("probe")).CombinedOutput(); err != nil {
		return fmt.Errorf("load: %w: %s", err, out)
	}
	spec := cardplane.ContainerSpec{
		Image: "demo/probe", Name: exampleContainer, Command: []string{"/probe", "sink"}, Stdin: true,
		StopSeconds: new(1), // a stop is not to take the time of other requests
	}
	if _, err := s.Client.Containers().Create(ctx, spec, ""); err != nil && !apierr.Is(err, "name_taken") {
		return err
	}
	_, err := s.Client.Containers().Start(ctx, exampleContainer)
	return err
}

// fuzz runs schemathesis with every check. What OpenAPI cannot say of the API,
// ci/fuzz/hooks.py does. The seed is always the same, so that what it finds is
// the change's doing; for others give `--seed` and a longer --time. It works in
// one thread: another one's removals look like faults, and CPython 3.11 cannot
// parse Python in two at once, which hypothesis does (python/cpython#106905).
func fuzz(ctx context.Context, schemathesis string, url string, budget time.Duration, args []string) error {
	argv := []string{
		"run", url + "/openapi.yaml", "--url", url, "--checks", "all",
		"--max-time", fmt.Sprint(int(budget.Seconds())), "--request-timeout", "60", "--max-response-time", "60",
		"--continue-on-failure", "--suppress-health-check", "all", "--workers", "1", "--seed", "1", "--generation-database", "none", "--no-color",
	}
	for operation := range unfuzzed {
		argv = append(argv, "--exclude-operation-id", operation)
	}
	cmd := exec.CommandContext(ctx, schemathesis, append(argv, args...)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	dir, err := os.MkdirTemp("", "fuzzapi")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cmd.Dir = dir // where it leaves files
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("schemathesis: %w", err)
	}
	return nil
}

// checkLog fails if the daemons have logged a fault of their own.
func checkLog(log string) error {
	for line := range strings.Lines(log) {
		if strings.Contains(line, "panic") || strings.Contains(line, `msg="request failed"`) {
			return fmt.Errorf("logged: %s", line)
		}
	}
	return nil
}
