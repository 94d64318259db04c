package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/ci/harness"
	"github.com/cardplane/cardplane/ci/streambench"
)

const (
	// fetchBytes is what is fetched at once, fetchRounds how often each way is.
	fetchBytes, fetchRounds = 64 << 20, 3
	// servePort is where servers listen.
	servePort = 7000
	// attachRounds is how often an interface, or a volume, is plugged in.
	attachRounds = 5
)

// way is one to a server. Its fetch measures it.
type way struct {
	name  string
	fetch func(context.Context) ([]byte, error)
	bytes sample // for a MB
	calls sample // for a request
}

// networks compares the ways to a server in a VM with a pair of namespaces that
// a veth joins, and times the plugging in of an interface.
func networks(ctx context.Context, s *harness.Stack) error {
	program, remove, err := buildProbe(ctx)
	if err != nil {
		return err
	}
	defer remove()
	veth, unlink, err := joinedNamespaces(ctx, program)
	if err != nil {
		return err
	}
	defer unlink()
	cfg := harness.DefaultConfig()
	cfg.Bin, cfg.Guest, cfg.Unprivileged = s.Bin(), s.Guest(), true
	return withStack(ctx, cfg, func(ctx context.Context, user *harness.Stack) error {
		return served(ctx, s, program, "", func(id string, ways []*way) error {
			err := served(ctx, user, program, ", user mode", func(_ string, further []*way) error {
				return compare(ctx, slices.Concat([]*way{{name: "namespaces over a veth", fetch: veth}}, ways, further))
			})
			return errors.Join(err, attachTimes(ctx, s, id))
		})
	})
}

// served runs a server in a VM, and calls fn with its container and the ways to
// it, whose names end in suffix.
func served(ctx context.Context, s *harness.Stack, program, suffix string, fn func(id string, ways []*way) error) error {
	if out, err := s.Cardctl(ctx, "network", "create", "bench").CombinedOutput(); err != nil {
		return fmt.Errorf("network: %w: %s", err, out)
	}
	spec := probe(fmt.Sprint("serve ", servePort))
	spec.Name, spec.Networks = "bench-server", []cardplane.NIC{{Network: "bench"}}
	spec.Ports = []cardplane.Port{{HostAddress: "127.0.0.1", HostPort: servePort, ContainerPort: servePort}}
	_, err := withContainer(ctx, s, spec, func(id string) (struct{}, error) {
		return struct{}{}, fn(id, []*way{
			{name: "VM to VM" + suffix, fetch: func(ctx context.Context) ([]byte, error) {
				return output(s.Cardctl(ctx, "run", "--rm", "--network", "bench", "demo/probe", "/probe", "fetch", fmt.Sprint(fetchBytes), fmt.Sprint("bench-server:", servePort)))
			}},
			{name: "host to published port" + suffix, fetch: func(context.Context) ([]byte, error) {
				out, err := s.OnHost(fmt.Sprintf("%s fetch %d 127.0.0.1:%d", program, fetchBytes, servePort))
				return []byte(out), err
			}},
		})
	})
	return err
}

// compare measures all ways in turn, and prints each beside the first.
func compare(ctx context.Context, ways []*way) error {
	for range fetchRounds {
		for _, w := range ways {
			out, err := w.fetch(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			var r streambench.Result
			if err := json.Unmarshal(out, &r); err != nil {
				return fmt.Errorf("%s: %q: %w", w.name, out, err)
			}
			w.bytes, w.calls = append(w.bytes, perMB(r.BytesPerSecond)), append(w.calls, time.Duration(float64(time.Second)/r.RequestsPerSecond))
		}
	}
	for _, w := range ways {
		fmt.Printf("%-33s %.0f MB/s, %.0f requests/s\n", w.name, 1/w.bytes.median().Seconds(), 1/w.calls.median().Seconds())
	}
	for _, w := range ways[1:] {
		fmt.Printf("  %s to %s: bytes %v\n", w.name, ways[0].name, paired(ways[0].bytes, w.bytes))
		fmt.Printf("  %s to %s: requests %v\n", w.name, ways[0].name, paired(ways[0].calls, w.calls))
	}
	return nil
}

// attachTimes times the coming and going of an interface of a container that
// runs.
func attachTimes(ctx context.Context, s *harness.Stack, id string) error {
	if out, err := s.Cardctl(ctx, "network", "create", "bench-second").CombinedOutput(); err != nil {
		return fmt.Errorf("network: %w: %s", err, out)
	}
	return comeAndGo("an interface", func() error {
		_, err := s.Client.Containers().Connect(ctx, id, cardplane.NIC{Network: "bench-second"})
		return err
	}, func() error {
		_, err := s.Client.Containers().Disconnect(ctx, id, "bench-second")
		return err
	})
}

// comeAndGo times the plugging in of something and its taking away, in turn.
func comeAndGo(what string, attach, detach func() error) error {
	var on, off sample
	for range attachRounds {
		begun := time.Now()
		if err := attach(); err != nil {
			return err
		}
		on = append(on, time.Since(begun))
		begun = time.Now()
		if err := detach(); err != nil {
			return err
		}
		off = append(off, time.Since(begun))
	}
	fmt.Printf("%-28s %v\n%-28s %v\n", "attach "+what, on, "detach it", off)
	return nil
}

// buildProbe builds the probe for this machine.
func buildProbe(ctx context.Context) (program string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	program = filepath.Join(dir, "probe")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./ci/cmd/probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if _, err := output(build); err != nil {
		remove()
		return "", nil, err
	}
	return program, remove, os.Chmod(dir, 0o755)
}

// joinedNamespaces serves in one network namespace and returns what fetches from
// another, and what removes both.
func joinedNamespaces(ctx context.Context, program string) (fetch func(context.Context) ([]byte, error), unlink func(), err error) {
	const near, far = "cpbench-a", "cpbench-b"
	var server *exec.Cmd
	unlink = func() {
		if server != nil {
			_ = server.Process.Kill()
			_ = server.Wait()
		}
		for _, name := range []string{near, far} {
			_ = exec.Command("ip", "netns", "del", name).Run()
		}
	}
	for _, line := range []string{
		"netns add " + near, "netns add " + far,
		"link add cpbench netns " + near + " type veth peer name cpbench netns " + far,
		"-n " + near + " addr add 10.201.99.1/24 dev cpbench", "-n " + far + " addr add 10.201.99.2/24 dev cpbench",
		"-n " + near + " link set cpbench up", "-n " + far + " link set cpbench up",
	} {
		if _, err := output(exec.CommandContext(ctx, "ip", strings.Fields(line)...)); err != nil {
			unlink()
			return nil, nil, err
		}
	}
	server = exec.CommandContext(ctx, "ip", "netns", "exec", far, program, "serve", fmt.Sprint(servePort))
	out, err := server.StdoutPipe()
	if err == nil {
		err = server.Start()
	}
	if err == nil {
		_, err = out.Read(make([]byte, len("listening\n"))) // it is up
	}
	if err != nil {
		unlink()
		return nil, nil, err
	}
	return func(ctx context.Context) ([]byte, error) {
		return output(exec.CommandContext(ctx, "ip", "netns", "exec", near, program, "fetch", fmt.Sprint(fetchBytes), fmt.Sprint("10.201.99.2:", servePort)))
	}, unlink, nil
}

// output runs a command and returns what it prints.
func output(cmd *exec.Cmd) ([]byte, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, errors.Join(errors.New(stderr.String()), errors.New(string(out))))
	}
	return out, err
}
