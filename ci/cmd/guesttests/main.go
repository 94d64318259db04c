// Command guesttests runs the tests that boot real guests, on every VMM that
// this machine can run: ch-qemu always, and Cloud Hypervisor on this machine's
// KVM, or in the emulated compute host where that cannot be used. It says at
// its start which it will do and why, and at its end how many tests ran on
// each. It is what `make test-guest` calls.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/cardplane/cardplane/ci/harness"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	only := flag.String("lane", "", "run only the lanes whose name contains `text`")
	pattern := flag.String("run", "", "run only the tests that match `regexp`, as go test does")
	required := flag.String("require", "", "fail unless the lane whose name contains `text` is run, such as \"cloud-hypervisor on this machine\"")
	flag.Parse()
	if err := run(ctx, *only, *pattern, *required); err != nil {
		stop()
		fmt.Fprintf(os.Stderr, "guesttests: %v\n", err)
		os.Exit(1)
	}
}

// result is how a lane went.
type result struct {
	lane  lane
	tally *tally
	took  time.Duration
	err   error
}

func run(ctx context.Context, only, pattern, required string) error {
	lanes := plan(lookAround())
	if err := require(lanes, required); err != nil {
		return err
	}
	fmt.Println("Tests with real guests:")
	for _, l := range lanes {
		verb := "run"
		if l.skipped {
			verb = "SKIP"
		}
		fmt.Printf("  %-4s %s: %s\n", verb, l, l.why)
	}
	var results []result
	for _, l := range lanes {
		r := result{lane: l, tally: newTally(os.Stdout)}
		if !l.skipped && strings.Contains(l.String(), only) {
			fmt.Printf("\n# %s\n", l)
			start := time.Now()
			r.err = runLane(ctx, l, harness.Root(), pattern, r.tally)
			r.took = time.Since(start).Round(time.Second)
		}
		results = append(results, r)
	}
	return report(results)
}

// report prints the table, and what has to be known beside it.
func report(results []result) error {
	fmt.Printf("\n%-50s %7s %8s %7s %8s\n", "", "passed", "skipped", "failed", "took")
	var errs []error
	for _, r := range results {
		if r.lane.skipped {
			fmt.Printf("%-50s SKIPPED: %s\n", r.lane, r.lane.why)
			continue
		}
		fmt.Printf("%-50s %7d %8d %7d %8v\n", r.lane, r.tally.passed, len(r.tally.skipped), r.tally.failed, r.took)
		for _, test := range slices.Sorted(maps.Keys(r.tally.skipped)) {
			fmt.Printf("  skipped %s: %s\n", test, r.tally.skipped[test])
		}
		for _, f := range r.tally.failures {
			fmt.Printf("\n--- failed on %s: %s", r.lane, f)
		}
		if r.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.lane, r.err))
		}
	}
	return errors.Join(errs...)
}
