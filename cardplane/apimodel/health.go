package apimodel

import (
	"math"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

func healthcheckToAPI(h *cardplane.Healthcheck) *cardapi.Healthcheck {
	if h == nil {
		return nil
	}
	return &cardapi.Healthcheck{
		Command: optionalSlice(h.Command), Shell: optional(h.Shell), Disabled: optional(h.Disabled),
		IntervalSeconds: optional(h.Interval.Seconds()), TimeoutSeconds: optional(h.Timeout.Seconds()),
		StartPeriodSeconds: optional(h.StartPeriod.Seconds()), StartIntervalSeconds: optional(h.StartInterval.Seconds()),
		Retries: optional(int32(h.Retries)),
	}
}

func healthcheckFromAPI(h *cardapi.Healthcheck) *cardplane.Healthcheck {
	if h == nil {
		return nil
	}
	return &cardplane.Healthcheck{
		Command: value(h.Command), Shell: value(h.Shell), Disabled: value(h.Disabled),
		Interval: durationOf(h.IntervalSeconds), Timeout: durationOf(h.TimeoutSeconds),
		StartPeriod: durationOf(h.StartPeriodSeconds), StartInterval: durationOf(h.StartIntervalSeconds),
		Retries: int(value(h.Retries)),
	}
}

// durationOf returns a number of seconds as a duration.
func durationOf(seconds *float64) time.Duration {
	return time.Duration(math.Round(value(seconds) * float64(time.Second)))
}

func healthToAPI(h *cardplane.Health) *cardapi.Health {
	if h == nil {
		return nil
	}
	return &cardapi.Health{
		Status: cardapi.HealthStatus(h.Status), FailingStreak: optional(int32(h.FailingStreak)),
		Results: optionalEach(h.Results, func(r cardplane.HealthResult) cardapi.HealthResult {
			return cardapi.HealthResult{StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, ExitCode: r.ExitCode, Output: r.Output}
		}),
	}
}

func healthFromAPI(h *cardapi.Health) *cardplane.Health {
	if h == nil {
		return nil
	}
	return &cardplane.Health{
		Status: cardplane.HealthStatus(h.Status), FailingStreak: int(value(h.FailingStreak)),
		Results: eachOf(h.Results, func(r cardapi.HealthResult) cardplane.HealthResult {
			return cardplane.HealthResult{StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, ExitCode: r.ExitCode, Output: r.Output}
		}),
	}
}

// HealthToAPI returns the API's form of the health that a filter selects.
func HealthToAPI(statuses []cardplane.HealthStatus) []cardapi.HealthFilter {
	return each(statuses, func(s cardplane.HealthStatus) cardapi.HealthFilter { return cardapi.HealthFilter(s) })
}

// HealthFromAPI returns the health that the API's filter selects.
func HealthFromAPI(statuses []cardapi.HealthFilter) []cardplane.HealthStatus {
	return each(statuses, func(s cardapi.HealthFilter) cardplane.HealthStatus { return cardplane.HealthStatus(s) })
}

// ContainerInListToAPI returns the API's form of a container in a list, without
// what may be long.
func ContainerInListToAPI(c cardplane.Container) cardapi.Container {
	out := ContainerToAPI(c)
	if out.Health != nil {
		out.Health.Results = nil
	}
	return out
}
