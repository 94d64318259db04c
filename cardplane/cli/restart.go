package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
)

// parseRestart reads a restart policy as docker writes it.
func parseRestart(text string) (cardplane.RestartPolicy, error) {
	mode, times, bounded := strings.Cut(text, ":")
	p := cardplane.RestartPolicy{Mode: cardplane.RestartMode(mode)}
	if p.Never() {
		p.Mode = ""
	}
	if !bounded {
		return p, nil
	}
	n, err := strconv.Atoi(times)
	if err != nil || n < 1 || p.Mode != cardplane.RestartOnFailure {
		return p, fmt.Errorf("%q is not possible; give no, on-failure[:TIMES], always or unless-stopped", text)
	}
	p.MaxRetries = n
	return p, nil
}
