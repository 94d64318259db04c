package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"github.com/cardplane/cardplane/guest-agent/boot"
	"github.com/cardplane/cardplane/guest-agent/container"
	"github.com/cardplane/cardplane/guest-agent/crun"
	"github.com/cardplane/cardplane/guest-agent/network"
	"github.com/cardplane/cardplane/guest-agent/reap"
	"github.com/cardplane/cardplane/guest-agent/rootdir"
	"github.com/cardplane/cardplane/guest-agent/server"
	"github.com/cardplane/cardplane/guest-agent/sysctl"
	"github.com/cardplane/cardplane/guest-agent/timerslack"
	"github.com/cardplane/cardplane/openapi/guestapi"
	"github.com/cardplane/cardplane/openapi/guestwire"
	"github.com/cardplane/cardplane/openapi/hostonly"
)

const (
	// signalGrace is the time for containers to end when PID 1 is told to end
	// by a signal, as Ctrl-Alt-Del does.
	signalGrace = 10 * time.Second
	// timerSlack is how late a timer of the agent may be. None is shorter, but for
	// the runtime's own.
	timerSlack = 4 * time.Millisecond
	// runDir takes mounts and bundles. It is on a tmpfs.
	runDir = "/run/cardplane"
	// logEnv is the environment variable for the log level. The kernel hands
	// unknown words of its command line to PID 1 as environment.
	logEnv = "CARDPLANE_LOG"
)

// Main is the agent.
type Main struct {
	log *logrus.Logger
	// timings are of the boot steps, known before anything is served.
	timings []boot.Timing
	// machine is what identity returns, once it was asked for.
	identify sync.Once
	machine  guestapi.Machine
	// powerOff takes the first power-off request.
	powerOff         chan time.Duration
	control, streams net.Listener
}

// NewMain returns an agent that logs to console.
func NewMain(console io.Writer) *Main {
	// A line on an emulated serial port costs milliseconds: errors only.
	log := &logrus.Logger{Out: console, Formatter: &logrus.TextFormatter{DisableColors: true}, Hooks: logrus.LevelHooks{}, Level: logrus.ErrorLevel}
	if level, err := logrus.ParseLevel(os.Getenv(logEnv)); err == nil {
		log.SetLevel(level)
	}
	return &Main{log: log, powerOff: make(chan time.Duration, 1)}
}

// Run boots, serves, and returns when the machine is to be powered off: nil
// when that was asked for.
func (m *Main) Run(ctx context.Context) error {
	network := network.New(network.Kernel{}, network.ResolverAddress)
	reaper := reap.New()
	manager := m.newManager(reaper)
	// A machine that becomes a template is saved once it listens: what is made
	// before that, no machine from the template has to make.
	server := server.New(m.log, manager, machine{m}, network)
	var err error
	if m.timings, err = boot.Run(ctx, m.stages(network)); err != nil {
		return err
	}
	m.log.WithField("steps", m.timings).Info("ready")

	// A power-off still needs the reaper and the streams: it ends them last.
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, running := errgroup.WithContext(running)
	group.Go(func() error { return reaper.Run(running) })
	group.Go(func() error { return server.Serve(running, m.control, m.streams) })
	group.Go(func() error {
		defer stop()
		if grace, ok := m.awaitPowerOff(ctx, running); ok {
			manager.Shutdown(running, grace)
		}
		return nil
	})
	return group.Wait()
}

// stages are the steps of the boot, with those that this program adds.
func (m *Main) stages(network *network.Network) []boot.Stage {
	return append(boot.Stages(boot.Kernel{}, "/"),
		boot.Stage{{Name: "network", Run: network.Prepare}},
		boot.Stage{{Name: "timers", Run: func(context.Context) error { return timerslack.Widen(timerSlack) }}},
		boot.Stage{{Name: "listen", Run: m.listen}})
}

func (m *Main) newManager(reaper *reap.Reaper) *container.Manager {
	runtime := crun.New(crun.DefaultConfig(), reaper, m.log)
	return container.NewManager(m.log, m.identity, runtime, rootdir.New(runDir, rootdir.Kernel{}, m.log), sysctl.Dir("/proc/sys"))
}

// awaitPowerOff waits for a request or a signal. It returns false when the
// agent has failed meanwhile.
func (m *Main) awaitPowerOff(signalled, running context.Context) (time.Duration, bool) {
	select {
	case grace := <-m.powerOff:
		return grace, true
	case <-signalled.Done():
		return signalGrace, true
	case <-running.Done():
		return 0, false
	}
}

// listen is the last boot step: who can connect finds a machine that is ready.
func (m *Main) listen(context.Context) (err error) {
	if m.control, err = hostonly.Listen(guestwire.ControlPort); err != nil {
		return fmt.Errorf("control: %w", err)
	}
	if m.streams, err = hostonly.Listen(guestwire.StreamPort); err != nil {
		return fmt.Errorf("streams: %w", err)
	}
	return nil
}
