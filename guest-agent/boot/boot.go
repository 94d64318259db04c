// Package boot turns a bare kernel into a machine that can run containers. It
// is a list of steps, each of which returns an error; the first error ends
// the boot. Steps of one stage run side by side, as most of them wait for the
// kernel. Halt is the one exit of PID 1, for failure and for a wished
// power-off alike: report, sync, power off.
package boot

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// Step is one step of the boot.
type Step struct {
	// Name is how the step is called on the console and in the API.
	Name string
	// Run does it.
	Run func(ctx context.Context) error
}

// Timing is how long a step took.
type Timing struct {
	// Name is the step's.
	Name string
	// Took is its duration.
	Took time.Duration
}

// Stage is steps that do not depend on one another.
type Stage []Step

// Run runs the stages in their order, and the steps of each side by side,
// until one fails. The error names it.
func Run(ctx context.Context, stages []Stage) ([]Timing, error) {
	var timings []Timing
	for _, stage := range stages {
		took, err := stage.run(ctx)
		if err != nil {
			return timings, err
		}
		timings = append(timings, took...)
	}
	return timings, nil
}

// run runs all steps and returns the first error.
func (s Stage) run(ctx context.Context) ([]Timing, error) {
	timings := make([]Timing, len(s))
	group, ctx := errgroup.WithContext(ctx)
	for i, step := range s {
		group.Go(func() error {
			begin := time.Now()
			if err := step.Run(ctx); err != nil {
				return fmt.Errorf("boot step %s: %w", step.Name, err)
			}
			timings[i] = Timing{Name: step.Name, Took: time.Since(begin)}
			return nil
		})
	}
	return timings, group.Wait()
}

// System is what the steps ask of the kernel beyond files in its file systems.
type System interface {
	// Mount is mount(2). A target that is mounted already gives unix.EBUSY.
	Mount(source, target, fstype string, flags uintptr, data string) error
	// InterfaceUp brings a network interface up.
	InterfaceUp(name string) error
	// SetHostname is sethostname(2).
	SetHostname(name string) error
	// SetFileLimit sets the number of files a process may open, soft and hard.
	SetFileLimit(n uint64) error
	// Random waits until the kernel's random generator is seeded.
	Random() error
	// CatchCtrlAltDel makes the key, and its like, a SIGINT to PID 1.
	CatchCtrlAltDel() error
}

const (
	// hostname is the machine's name; containers have names of their own.
	hostname = "cardplane"
	// fileLimit bounds the open files of a process, in containers too unless
	// their spec says otherwise.
	fileLimit = 1 << 20
)

// Stages returns the steps that make the machine, below root, which is "/" but
// in tests.
func Stages(system System, root string) []Stage {
	m := machine{system: system, root: root}
	return []Stage{
		{{"mount", m.mount}},
		{
			{"filesystems", m.filesystems},
			{"cgroup", m.cgroup},
			{"shm", m.shm},
			{"limits", func(context.Context) error { return system.SetFileLimit(fileLimit) }},
			{"loopback", func(context.Context) error { return system.InterfaceUp("lo") }},
			{"hostname", func(context.Context) error { return system.SetHostname(hostname) }},
			{"ctrl-alt-del", func(context.Context) error { return system.CatchCtrlAltDel() }},
			{"entropy", m.entropy},
		},
	}
}

// machine does the steps that have more than a line.
type machine struct {
	system System
	root   string
}
