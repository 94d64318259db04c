package cli

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cardplane/cardplane/cardplane"
)

func TestHealthFlags(t *testing.T) {
	for _, tt := range []struct {
		args string
		want *cardplane.Healthcheck
		fail string
	}{
		{args: "--init"},
		{args: "--no-healthcheck", want: &cardplane.Healthcheck{Disabled: true}},
		{args: "--health-retries 7", want: &cardplane.Healthcheck{Retries: 7}},
		{args: "--health-cmd true --health-interval 1m --health-timeout 2s --health-start-period 3s --health-start-interval 40ms", want: &cardplane.Healthcheck{
			Shell: "true", Interval: time.Minute, Timeout: 2 * time.Second, StartPeriod: 3 * time.Second, StartInterval: 40 * time.Millisecond}},
		{args: "--health-cmd true --no-healthcheck", fail: "--no-healthcheck"},
		{args: "--health-interval 1us", fail: "at least 1ms"},
		{args: "--health-retries -1", fail: "--health-retries"},
	} {
		got, err := specOf(t, strings.Fields(tt.args)...)
		if tt.fail != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fail) {
				t.Errorf("%s: %v", tt.args, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got.Healthcheck, tt.want) {
			t.Errorf("%s: got %+v, %v", tt.args, got.Healthcheck, err)
		}
	}
}

func TestHealthInStatus(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		health *cardplane.Health
		state  cardplane.State
		want   string
	}{
		{nil, cardplane.Running, "Up 2 minutes"},
		{&cardplane.Health{Status: cardplane.HealthStarting}, cardplane.Running, "Up 2 minutes (health: starting)"},
		{&cardplane.Health{Status: cardplane.HealthHealthy}, cardplane.Running, "Up 2 minutes (healthy)"},
		{&cardplane.Health{Status: cardplane.HealthUnhealthy}, cardplane.Running, "Up 2 minutes (unhealthy)"},
		{&cardplane.Health{Status: cardplane.HealthHealthy}, cardplane.Paused, "Up 2 minutes (Paused)"},
		{&cardplane.Health{Status: cardplane.HealthHealthy}, cardplane.Exited, "Exited (0) less than a second ago"},
	} {
		c := cardplane.Container{State: tt.state, StartedAt: now.Add(-2 * time.Minute), FinishedAt: now, Health: tt.health}
		if got := status(c, now); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
