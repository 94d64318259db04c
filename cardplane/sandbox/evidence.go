package sandbox

import (
	"context"
	"strings"
	"time"

	"github.com/cardplane/cardplane/cardplane/guestclient"
)

const (
	// evidenceLines bounds the lines of evidence from each source.
	evidenceLines = 20
	// evidenceWidth bounds a line, in runes.
	evidenceWidth = 240
	// consoleTail is how much of the console is looked at, in bytes.
	consoleTail = 16 << 10
	// cleanupTimeout bounds what is done after the caller has gone.
	cleanupTimeout = 30 * time.Second
)

// Evidence returns the last lines of the guest's console and, where the VMM
// has ended, of the VMM's log. It returns what it can get. ctx's end does not
// stop it, because it is asked for when something has already failed.
func (m *Manager) Evidence(ctx context.Context, id string) []string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	var lines []string
	if raw, err := m.host.ConsoleTail(ctx, id, consoleTail); err == nil {
		lines = lastLines(string(raw), "console: ")
	}
	if vm, err := m.host.VM(ctx, id); err == nil {
		lines = append(lines, lastLines(strings.Join(vm.LogTail, "\n"), "vmm: ")...)
	}
	return lines
}

// lastLines returns the last lines of text that have anything printable, and
// before them the one that names a panic, which a kernel's trace may follow.
func lastLines(text, prefix string) []string {
	var lines []string
	panicked := -1
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(guestclient.Printable(line, evidenceWidth))
		if strings.Contains(line, "Kernel panic") {
			panicked = len(lines)
		}
		if line != "" {
			lines = append(lines, prefix+line)
		}
	}
	first := max(0, len(lines)-evidenceLines)
	if panicked >= 0 && panicked < first {
		return append(lines[panicked:panicked+1:panicked+1], lines[first:]...)
	}
	return lines[first:]
}
