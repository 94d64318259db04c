package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// event is a line of `go test -json` (cmd/test2json).
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

// tally counts how tests ended. Only tests without subtests count.
type tally struct {
	passed, failed int
	// skipped are the reasons, by test.
	skipped map[string]string
	// failures are the outputs of failed tests and packages.
	failures []string

	out     io.Writer // gets a line for each test that ends
	outputs map[string][]string
	parents map[string]bool
	// waiting are the tests that have begun and wait for their turn, and
	// ended those that have ended.
	waiting, ended map[string]bool
}

func newTally(out io.Writer) *tally {
	return &tally{
		out: out, skipped: map[string]string{}, outputs: map[string][]string{}, parents: map[string]bool{},
		waiting: map[string]bool{}, ended: map[string]bool{},
	}
}

// read takes a stream of events in. What is no event is shown.
func (t *tally) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			_, _ = fmt.Fprintln(t.out, lines.Text())
			continue
		}
		t.take(e)
	}
	return lines.Err()
}

func (t *tally) take(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "run":
		if i := strings.LastIndexByte(e.Test, '/'); i > 0 {
			t.parents[e.Package+" "+e.Test[:i]] = true
		}
	case "pause":
		t.waiting[key] = true
	case "cont":
		delete(t.waiting, key)
	case "output", "build-output":
		t.outputs[key] = append(t.outputs[key], e.Output)
	case "pass", "skip", "fail":
		t.ended[key] = true
		if e.Test == "" && e.Action == "fail" {
			t.unended(e.Package)
		}
		t.end(key, e)
		delete(t.outputs, key)
	}
}

// unended takes in the tests that were running when their package failed, which
// is how a time-out shows, and what others wrote after their end.
func (t *tally) unended(pkg string) {
	for _, key := range slices.Sorted(maps.Keys(t.outputs)) {
		test, ours := strings.CutPrefix(key, pkg+" ")
		if !ours || test == "" || t.waiting[key] {
			continue
		}
		how := "wrote after its end"
		if !t.ended[key] {
			how = "was running when its package ended"
			_, _ = fmt.Fprintf(t.out, "  never ended  %s\n", test)
			if !t.parents[key] {
				t.failed++
			}
		}
		t.failures = append(t.failures, fmt.Sprintf("%s %s\n%s", key, how, strings.Join(t.outputs[key], "")))
	}
}

func (t *tally) end(key string, e event) {
	output := strings.Join(t.outputs[key], "")
	switch {
	case e.Action == "fail":
		t.failures = append(t.failures, key+"\n"+output)
		if e.Test != "" && !t.parents[key] {
			t.failed++
		}
	case e.Test == "" || t.parents[key]:
		return
	case e.Action == "skip":
		t.skipped[e.Test] = reason(output)
	default:
		t.passed++
	}
	if e.Test != "" {
		_, _ = fmt.Fprintf(t.out, "  %-4s %6.1f s  %s\n", e.Action, e.Elapsed, e.Test)
	}
}

var sourceLine = regexp.MustCompile(`^\s*\S+\.go:\d+: `)

// reason is what a test said when it skipped itself.
func reason(output string) string {
	var said []string
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(strings.TrimSpace(line), "---") || strings.HasPrefix(line, "===") {
			continue
		}
		said = append(said, strings.TrimSpace(sourceLine.ReplaceAllString(line, "")))
	}
	return strings.Join(said, " ")
}
