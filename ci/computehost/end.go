package computehost

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// CrashError tells that a host ended by itself.
type CrashError struct {
	// Reason is what QEMU said of the end.
	Reason string
	// Console is the end of the host's console.
	Console string
}

// Error carries the console's end.
func (e *CrashError) Error() string {
	return fmt.Sprintf("the compute host ended by itself: %s\n--- end of its console\n%s", e.Reason, e.Console)
}

// wish is what the owner of a host has asked for. A stronger one replaces a
// weaker one.
type wish int

const (
	toRun wish = iota
	toPowerOff
	toBeKilled
)

func (h *Host) want(w wish) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wish = max(h.wish, w)
}

// panicked is the event of a host kernel that gave up.
const panicked = "GUEST_PANICKED"

// watch waits for QEMU's end, hearing its events meanwhile, and judges it.
func (h *Host) watch() {
	var reasons []string
	for e := range h.qmp.Events() {
		switch e.Name {
		case panicked:
			reasons = append(reasons, panicked)
		case "SHUTDOWN":
			var data struct{ Reason string }
			_ = json.Unmarshal(e.Data, &data) // without a reason the event says enough
			reasons = append(reasons, "SHUTDOWN "+data.Reason)
		}
	}
	<-h.process.exited
	if h.process.err != nil {
		reasons = append(reasons, "QEMU: "+h.process.err.Error())
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.crashed(reasons) {
		h.err = &CrashError{Reason: strings.Join(reasons, ", "), Console: h.console.tail(evidenceLines)}
	}
	close(h.done)
}

// crashed judges an end by what was asked for; mu is held.
func (h *Host) crashed(reasons []string) bool {
	switch h.wish {
	case toBeKilled:
		return false
	case toPowerOff:
		return h.process.err != nil || slices.Contains(reasons, panicked)
	}
	return true
}
