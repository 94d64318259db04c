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
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/cardplane/cardplane/ci/harness"
)

func main() {
	kernels := pflag.StringSlice("kernels", []string{"debian", "own"}, "guests to measure: folders of build/guest")
	chosen := pflag.StringSlice("parts", partNames(), "what to measure")
	pflag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *kernels, *chosen); err != nil {
		stop()
		fmt.Fprintf(os.Stderr, "bench: %+v\n", err)
		os.Exit(1)
	}
}

// part is one thing that is measured.
type part struct {
	name    string
	measure func(context.Context, *harness.Stack) error
}

var parts = []part{
	{"cold", starts}, {"exec", execRoundTrip}, {"vsock", vsockDevice}, {"streams", streams}, {"memory", memory}, {"eight", eightAtOnce}, {"api", api},
	{"networks", networks}, {"volumes", volumes}, {"audit", audit},
	{"emulated", emulatedHost},
}

func partNames() []string {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	return names
}

// run measures the chosen parts with each kernel.
func run(ctx context.Context, kernels, chosen []string) error {
	for _, name := range chosen {
		if !slices.Contains(partNames(), name) {
			return fmt.Errorf("--parts: no part %q; give some of %s", name, strings.Join(partNames(), ","))
		}
	}
	for _, kernel := range kernels {
		cfg := harness.DefaultConfig()
		cfg.Guest = filepath.Join(filepath.Dir(cfg.Guest), kernel)
		if _, err := os.Stat(cfg.Guest); err != nil {
			return fmt.Errorf("no guest artefacts: %w (run: make guest guest-own)", err)
		}
		fmt.Printf("\n# Guest kernel: %s\n", kernel)
		err := withStack(ctx, cfg, func(ctx context.Context, s *harness.Stack) error { return measure(ctx, s, chosen) })
		if err != nil {
			return fmt.Errorf("kernel %s: %w", kernel, err)
		}
	}
	return nil
}

// measure measures the chosen parts with one guest kernel.
func measure(ctx context.Context, s *harness.Stack, chosen []string) error {
	for _, p := range parts {
		if !slices.Contains(chosen, p.name) {
			continue
		}
		if err := p.measure(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
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

// ratios are what pairs of times, taken one after the other, are to each other.
type ratios []float64

// paired compares two samples, round by round: a machine that is busy for a
// while slows both of a pair.
func paired(a, b sample) ratios {
	var r ratios
	for i := range a {
		r = append(r, float64(a[i])/float64(b[i]))
	}
	slices.Sort(r)
	return r
}

func (r ratios) String() string {
	return fmt.Sprintf("%.2f (median of %d rounds, %.2f to %.2f)", r[len(r)/2], len(r), r[0], r[len(r)-1])
}

// ratio compares two samples.
func ratio(a, b sample) float64 { return float64(a.median()) / float64(b.median()) }
