package guestclient

import (
	"strings"
	"unicode"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

const (
	// maxHealthResults, maxHealthChanges and maxHealthOutput, in bytes, are the
	// document's.
	maxHealthResults = 5
	maxHealthChanges = 8
	maxHealthOutput  = 4096
	maxExitCode      = 255
)

// checkHealth refuses what no agent says, and makes the rest harmless.
func checkHealth(h guestapi.Health) (guestapi.Health, error) {
	odd := !h.Status.Valid() || h.FailingStreak < 0 || h.Probes < 0 || h.Changed < int64(len(h.Changes)) ||
		len(h.Changes) > maxHealthChanges || len(h.Results) > maxHealthResults
	for _, status := range h.Changes {
		odd = odd || !status.Valid()
	}
	for i := range h.Results {
		r := &h.Results[i]
		odd = odd || r.ExitCode < -1 || r.ExitCode > maxExitCode
		r.Output = printableText(r.Output, maxHealthOutput)
	}
	if odd {
		return guestapi.Health{}, apierr.New(apierr.Unavailable, CodeUnreachable, "the guest agent says of a container's health what makes no sense")
	}
	return h, nil
}

// printableText returns at most limit bytes of s, whose lines stay, without
// what could command a terminal.
func printableText(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s[:min(len(s), 2*limit)])
	return strings.ToValidUTF8(s[:min(len(s), limit)], "")
}
