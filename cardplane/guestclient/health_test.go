package guestclient

import (
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/guestapi"
)

// What a guest says of health is bounded, harmless, or refused.
func TestHostileHealth(t *testing.T) {
	for name, h := range map[string]guestapi.Health{
		"status":   {Status: "well"},
		"change":   {Status: "healthy", Changed: 1, Changes: []guestapi.HealthStatus{"ill"}},
		"changes":  {Status: "healthy", Changed: 100, Changes: make([]guestapi.HealthStatus, 9)},
		"too few":  {Status: "healthy", Changed: 0, Changes: []guestapi.HealthStatus{"healthy"}},
		"streak":   {Status: "healthy", FailingStreak: -1},
		"probes":   {Status: "healthy", Probes: -1},
		"results":  {Status: "healthy", Results: make([]guestapi.HealthResult, 6)},
		"code":     {Status: "healthy", Results: []guestapi.HealthResult{{ExitCode: 256}}},
		"low code": {Status: "healthy", Results: []guestapi.HealthResult{{ExitCode: -2}}},
	} {
		if got, err := checkHealth(h); err == nil {
			t.Errorf("%s: taken as %+v", name, got)
		}
	}
	long := "\x1b[2Ja\tb\n" + strings.Repeat("é", 5000)
	h, err := checkHealth(guestapi.Health{Status: "healthy", Results: []guestapi.HealthResult{{Output: long}, {Output: "\xff\xfe"}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := h.Results[0].Output; !strings.HasPrefix(got, "[2Ja\tb\né") || len(got) > 4096 || strings.ToValidUTF8(got, "?") != got {
		t.Errorf("%d bytes: %.20q", len(got), got)
	}
	if got := h.Results[1].Output; strings.ToValidUTF8(got, "?") != got {
		t.Errorf("%q", got)
	}
}
