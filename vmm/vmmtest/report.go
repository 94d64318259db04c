package vmmtest

import (
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
)

// EnvReport names a file to which summaries are appended. `go test` keeps the
// output of tests that pass to itself.
const EnvReport = "CARDPLANE_CONFORMANCE_REPORT"

// Report gathers the outcome of every case by VMM. The zero value is empty.
type Report struct {
	mu   sync.Mutex
	vmms []*vmmReport
}

type vmmReport struct {
	name        string
	differences []Difference

	mu      sync.Mutex
	passed  []string
	failed  []string
	skipped []outcome
}

type outcome struct{ name, reason string }

// vmm returns what is reported of a subject. A nil Report forgets it.
func (r *Report) vmm(s Subject) *vmmReport {
	if r == nil {
		return &vmmReport{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range r.vmms {
		if v.name == s.Name {
			return v
		}
	}
	v := &vmmReport{name: s.Name, differences: s.Differences}
	r.vmms = append(r.vmms, v)
	return v
}

// Absent reports a VMM that could not be tested at all.
func (r *Report) Absent(t testing.TB, name, reason string) {
	t.Helper()
	v := r.vmm(Subject{Name: name})
	v.mu.Lock()
	defer v.mu.Unlock() // Skip ends the goroutine
	v.skipped = append(v.skipped, outcome{"every case", reason})
	t.Skip(reason)
}

func (v *vmmReport) add(t *testing.T, name, reason string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case t.Failed():
		v.failed = append(v.failed, name)
	case t.Skipped():
		v.skipped = append(v.skipped, outcome{name, reason})
	default:
		v.passed = append(v.passed, name)
	}
}

// Print writes the summary: for each VMM how many cases passed, which were
// skipped or failed, and in what it is known to differ.
func (r *Report) Print(w io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range r.vmms {
		v.print(w)
	}
}

func (v *vmmReport) print(w io.Writer) {
	_, _ = fmt.Fprintf(w, "conformance: %s: %d passed, %d skipped, %d failed\n", v.name, len(v.passed), len(v.skipped), len(v.failed))
	for _, name := range v.failed {
		_, _ = fmt.Fprintf(w, "  failed   %s\n", name)
	}
	for _, o := range v.skipped {
		_, _ = fmt.Fprintf(w, "  skipped  %s: %s\n", o.name, o.reason)
	}
	for _, d := range v.differences {
		_, _ = fmt.Fprintf(w, "  differs  %s\n", d)
	}
}

// Finish prints the summary to standard output and, where [EnvReport] asks
// for it, to a file.
func (r *Report) Finish() error {
	r.Print(os.Stdout)
	path := os.Getenv(EnvReport)
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("%s: %w", EnvReport, err)
	}
	r.Print(f)
	return f.Close()
}
