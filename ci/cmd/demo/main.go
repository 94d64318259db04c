// Command demo runs one container with everything around it and shows what
// ran where. It is what `make demo` calls; it leaves nothing behind.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/ci/harness"
	"golang.org/x/sys/unix"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		stop()
		fmt.Fprintf(os.Stderr, "demo: %+v\n", err)
		os.Exit(1)
	}
}

const program = `
import platform
print("hello from", platform.machine(), "kernel", platform.release())
print("2**100 =", 2**100)
`

func run(ctx context.Context) (err error) {
	say("Starting vmmd (the compute host) and cardplaned (the card), joined by a unix socket.")
	start := time.Now()
	s, err := harness.Start(ctx, harness.DefaultConfig())
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, s.Close(context.WithoutCancel(ctx)))
		if err == nil {
			say("All ended: no process, mount or socket is left.")
		}
	}()
	fmt.Printf("  both answer after %s\n", round(time.Since(start)))

	say("Loading an image made of Debian packages, and running it.")
	steps := [][]string{
		{"load", harness.Archive("python")},
		{"run", "--name", "demo", "demo/python", "python3", "-c", program},
		{"ps", "-a"},
	}
	for _, args := range steps {
		if err := cardctl(ctx, s, args...); err != nil {
			return err
		}
	}
	return report(ctx, s)
}

// cardctl runs one command as a user would and shows it.
func cardctl(ctx context.Context, s *harness.Stack, args ...string) error {
	fmt.Printf("\n$ cardctl %s\n", quote(args))
	cmd := s.Cardctl(ctx, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	start := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("cardctl %s: exit code %d\n%s", args[0], exit.ExitCode(), s.Logs())
	}
	fmt.Printf("  (exit code 0 after %s)\n", round(time.Since(start)))
	return err
}

// report says what ran where, and how long each step took.
func report(ctx context.Context, s *harness.Stack) error {
	c, err := s.Client.Containers().Get(ctx, "demo")
	if err != nil {
		return err
	}
	var host unix.Utsname
	if err := unix.Uname(&host); err != nil {
		return fmt.Errorf("uname: %w", err)
	}
	say("What ran where.")
	fmt.Printf("  this machine's kernel   %s\n", unix.ByteSliceToString(host.Release[:]))
	if c.Guest != nil {
		fmt.Printf("  the guest's kernel      %s\n  its monitor             %s\n", c.Guest.Kernel, c.Guest.VMM)
	}
	fmt.Printf("  container               %s, %s with code %d\n", c.ID[:12], c.State, c.ExitCode)
	fmt.Println("  steps of its start:")
	for _, step := range c.Timings {
		fmt.Printf("    %-22s %s\n", step.Step, round(step.Duration))
	}
	if c.State != cardplane.Exited || c.ExitCode != 0 {
		return fmt.Errorf("the container is %s with exit code %d", c.State, c.ExitCode)
	}
	return nil
}

func say(text string) { fmt.Printf("\n== %s\n", text) }

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

// quote shows args as a shell would take them, without the line breaks.
func quote(args []string) string {
	var out []string
	for _, arg := range args {
		arg = strings.ReplaceAll(strings.TrimSpace(arg), "\n", "; ")
		if strings.ContainsAny(arg, " ;*()'\"") {
			arg = "'" + arg + "'"
		}
		out = append(out, arg)
	}
	return strings.Join(out, " ")
}
