// Command bench measures Cardplane on this machine and prints ratios within
// one run. It is what `make bench` calls. Absolute times on a shared machine
// mean little; each is printed beside what it is compared with.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/cardplane/cardplane/ci/harness"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		stop()
		fmt.Fprintf(os.Stderr, "bench: %+v\n", err)
		os.Exit(1)
	}
}

// kernels are the guests that are measured: folders of build/guest.
var kernels = []string{"debian", "own"}

func run(ctx context.Context) error {
	for _, kernel := range kernels {
		cfg := harness.DefaultConfig()
		cfg.Guest = filepath.Join(filepath.Dir(cfg.Guest), kernel)
		if _, err := os.Stat(cfg.Guest); err != nil {
			return fmt.Errorf("no guest artefacts: %w (run: make guest guest-own)", err)
		}
		fmt.Printf("\n# Guest kernel: %s\n", kernel)
		if err := withStack(ctx, cfg, measure); err != nil {
			return fmt.Errorf("kernel %s: %w", kernel, err)
		}
	}
	return nil
}

// measure is everything that is measured with one guest kernel.
func measure(ctx context.Context, s *harness.Stack) error {
	for _, part := range []func(context.Context, *harness.Stack) error{
		coldStart, execRoundTrip, vsockDevice, memory, eightAtOnce,
	} {
		if err := part(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// withStack runs fn on a stack that has the probe image.
func withStack(ctx context.Context, cfg harness.Config, fn func(context.Context, *harness.Stack) error) (err error) {
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
	if out, err := s.Cardctl(ctx, "load", harness.Archive("probe")).CombinedOutput(); err != nil {
		return fmt.Errorf("load: %w: %s", err, out)
	}
	return fn(ctx, s)
}

// sample is a set of measured times.
type sample []time.Duration

func (s sample) median() time.Duration {
	sorted := slices.Sorted(slices.Values(s))
	return sorted[len(sorted)/2]
}

func (s sample) String() string {
	sorted := slices.Sorted(slices.Values(s))
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return fmt.Sprintf("median %.1f ms (min %.1f, max %.1f, n=%d)", ms(s.median()), ms(sorted[0]), ms(sorted[len(sorted)-1]), len(s))
}

// ratio compares two samples.
func ratio(a, b sample) float64 { return float64(a.median()) / float64(b.median()) }
