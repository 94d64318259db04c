package image

import (
	"encoding/json"
	"time"

	"github.com/cardplane/cardplane/cardplane"
)

// healthcheck returns the health check of an image configuration, which is
// Docker's addition to the OCI's. The library that parses configurations does
// not know all of it. One that makes no sense is none, and so is a time.
func healthcheck(raw []byte) *cardplane.Healthcheck {
	var file struct {
		Config struct {
			Healthcheck *struct {
				Test                                          []string
				Interval, Timeout, StartPeriod, StartInterval time.Duration
				Retries                                       int
			}
		} `json:"config"`
	}
	if err := json.Unmarshal(raw, &file); err != nil || file.Config.Healthcheck == nil {
		return nil
	}
	given := file.Config.Healthcheck
	out := &cardplane.Healthcheck{
		Interval: healthTime(given.Interval), Timeout: healthTime(given.Timeout),
		StartPeriod: healthTime(given.StartPeriod), StartInterval: healthTime(given.StartInterval),
	}
	if given.Retries > 0 && given.Retries <= cardplane.MaxHealthRetries {
		out.Retries = given.Retries
	}
	switch test := given.Test; {
	case len(test) == 1 && test[0] == "NONE":
		return &cardplane.Healthcheck{Disabled: true}
	case len(test) > 1 && test[0] == "CMD" && test[1] != "":
		out.Command = test[1:]
	case len(test) == 2 && test[0] == "CMD-SHELL" && test[1] != "":
		out.Shell = test[1]
	default:
		return nil
	}
	return out
}

// healthTime returns 0 for a time that no health check can have.
func healthTime(d time.Duration) time.Duration {
	if d < cardplane.MinHealthTime || d > cardplane.MaxHealthTime {
		return 0
	}
	return d
}
