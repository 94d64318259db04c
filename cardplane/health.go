package cardplane

import (
	"cmp"
	"slices"
	"time"
)

// Defaults and bounds of a Healthcheck, Docker's where it has them.
const (
	DefaultHealthInterval      = 30 * time.Second
	DefaultHealthTimeout       = 30 * time.Second
	DefaultHealthStartInterval = 5 * time.Second
	DefaultHealthRetries       = 3
	MinHealthTime              = time.Millisecond
	MaxHealthTime              = 365 * 24 * time.Hour
	MaxHealthRetries           = 1000000
	// MaxHealthResults is how many results of probes are kept.
	MaxHealthResults = 5
	// MaxHealthOutput bounds the output of a probe that is kept, in bytes.
	MaxHealthOutput = 4096
	// NoExitCode is the exit code of a probe that was not started or was killed
	// at its timeout.
	NoExitCode = -1
)

// Healthcheck is a program that the guest runs in a container again and again
// to find out its health: exit code 0 is a success. At most one of Command,
// Shell and Disabled is set; none of them keeps the image's. Zero times and
// Retries are the image's where it has a health check, else the defaults. In a
// container that was created all are set.
type Healthcheck struct {
	// Command is the program and its arguments.
	Command []string `json:"command,omitempty"`
	// Shell is a command line for the image's shell.
	Shell string `json:"shell,omitempty"`
	// Disabled is no health check, also where the image has one.
	Disabled bool `json:"disabled,omitempty"`
	// Interval is from the start, or the end of a probe, to the next probe,
	// MinHealthTime to MaxHealthTime, as all times here.
	Interval time.Duration `json:"interval,omitempty"`
	// Timeout is the time for a probe, after which it is killed.
	Timeout time.Duration `json:"timeout,omitempty"`
	// StartPeriod is the time after the start in which failures do not count
	// while no probe has succeeded. It may be 0.
	StartPeriod time.Duration `json:"startPeriod,omitempty"`
	// StartInterval is the interval in that time.
	StartInterval time.Duration `json:"startInterval,omitempty"`
	// Retries is how many failures in a row make the container unhealthy, 1 to
	// MaxHealthRetries.
	Retries int `json:"retries,omitempty"`
}

// Probes reports whether h is a health check at all. Nil is none.
func (h *Healthcheck) Probes() bool {
	return h != nil && !h.Disabled && (len(h.Command) > 0 || h.Shell != "")
}

// Over returns the health check of a container that asks for h, made from an
// image that has image; both may be nil. Nil is none.
func (h *Healthcheck) Over(image *Healthcheck) *Healthcheck {
	var out Healthcheck
	if h != nil {
		out = *h
	}
	if image != nil {
		if len(out.Command) == 0 && out.Shell == "" && !out.Disabled {
			out.Command, out.Shell, out.Disabled = image.Command, image.Shell, image.Disabled
		}
		out.Interval = cmp.Or(out.Interval, image.Interval)
		out.Timeout = cmp.Or(out.Timeout, image.Timeout)
		out.StartPeriod = cmp.Or(out.StartPeriod, image.StartPeriod)
		out.StartInterval = cmp.Or(out.StartInterval, image.StartInterval)
		out.Retries = cmp.Or(out.Retries, image.Retries)
	}
	switch {
	case out.Disabled:
		return &Healthcheck{Disabled: true}
	case !out.Probes():
		return nil
	}
	out.Interval = cmp.Or(out.Interval, DefaultHealthInterval)
	out.Timeout = cmp.Or(out.Timeout, DefaultHealthTimeout)
	out.StartInterval = cmp.Or(out.StartInterval, DefaultHealthStartInterval)
	out.Retries = cmp.Or(out.Retries, DefaultHealthRetries)
	return &out
}

// Argv returns the program that h runs and its arguments. shell is the image's,
// empty for /bin/sh -c.
func (h *Healthcheck) Argv(shell []string) []string {
	if h.Shell == "" {
		return h.Command
	}
	if len(shell) == 0 {
		shell = []string{"/bin/sh", "-c"}
	}
	return append(slices.Clone(shell), h.Shell)
}

// HealthStatus is what probes have made of a container.
type HealthStatus string

// The statuses of health.
const (
	// HealthStarting: no probe has succeeded, nor have enough failed.
	HealthStarting HealthStatus = "starting"
	// HealthHealthy: the latest probe has succeeded, or too few have failed
	// since one did.
	HealthHealthy HealthStatus = "healthy"
	// HealthUnhealthy: as many probes as Healthcheck.Retries have failed in a
	// row.
	HealthUnhealthy HealthStatus = "unhealthy"
	// HealthNone, in filters, is the health of a container that has none.
	HealthNone HealthStatus = "none"
)

// Health is what a container's health check has found in the present or last
// run. Only its status is durable and counts for the container's revision, so
// that a probe which changes nothing costs nothing.
type Health struct {
	Status HealthStatus
	// FailingStreak is how many probes have failed since the last success.
	FailingStreak int `json:"-"`
	// Results are the newest, MaxHealthResults at most, the oldest first.
	Results []HealthResult `json:"-"`
}

// HealthResult is how a probe has ended.
type HealthResult struct {
	// StartedAt and FinishedAt are by the guest's clock.
	StartedAt, FinishedAt time.Time
	// ExitCode is NoExitCode where there is none; Output then says why.
	ExitCode int
	// Output is the beginning of what it has written, MaxHealthOutput at most.
	Output string
}

// healthStatus returns the status of c's health, HealthNone where it has none.
func (c Container) healthStatus() HealthStatus {
	if c.Health == nil {
		return HealthNone
	}
	return c.Health.Status
}
