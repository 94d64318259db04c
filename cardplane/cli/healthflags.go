package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/cardplane/cardplane/cardplane"
)

// healthFlags are the flags of a health check, as docker calls them.
type healthFlags struct {
	command                                       string
	interval, timeout, startPeriod, startInterval time.Duration
	retries                                       int
	none                                          bool
}

func (f *healthFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.command, "health-cmd", "", "command line, for the image's shell, that finds out the program's health")
	flags.DurationVar(&f.interval, "health-interval", 0, "time between health checks (default 30s)")
	flags.DurationVar(&f.timeout, "health-timeout", 0, "time for a health check, after which it is killed (default 30s)")
	flags.DurationVar(&f.startPeriod, "health-start-period", 0, "time after the start in which failed health checks do not count until one succeeds")
	flags.DurationVar(&f.startInterval, "health-start-interval", 0, "time between health checks in the start period (default 5s)")
	flags.IntVar(&f.retries, "health-retries", 0, "failed health checks in a row that make the container unhealthy (default 3)")
	flags.BoolVar(&f.none, "no-healthcheck", false, "no health check, also where the image has one")
}

// healthcheck returns what the flags describe, nil where there are none.
func (f *healthFlags) healthcheck() (*cardplane.Healthcheck, error) {
	h := cardplane.Healthcheck{
		Shell: f.command, Interval: f.interval, Timeout: f.timeout, StartPeriod: f.startPeriod, StartInterval: f.startInterval, Retries: f.retries,
	}
	given := h.Shell != "" || h.Interval != 0 || h.Timeout != 0 || h.StartPeriod != 0 || h.StartInterval != 0 || h.Retries != 0
	for _, d := range []time.Duration{h.Interval, h.Timeout, h.StartPeriod, h.StartInterval} {
		if d != 0 && d < cardplane.MinHealthTime {
			return nil, fmt.Errorf("a health check cannot have a time of %s; give at least %s", d, cardplane.MinHealthTime)
		}
	}
	switch {
	case h.Retries < 0:
		return nil, fmt.Errorf("--health-retries: %d retries are not possible; give a number from 1", h.Retries)
	case f.none && given:
		return nil, errors.New("--no-healthcheck: there is another flag of a health check; leave one of them out")
	case f.none:
		return &cardplane.Healthcheck{Disabled: true}, nil
	case !given:
		return nil, nil
	}
	return &h, nil
}
