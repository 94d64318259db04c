package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestTally(t *testing.T) {
	const stream = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/one"}
{"Action":"output","Package":"p","Test":"TestA/one","Output":"=== RUN   TestA/one\n"}
{"Action":"pass","Package":"p","Test":"TestA/one","Elapsed":1}
{"Action":"run","Package":"p","Test":"TestA/two"}
{"Action":"output","Package":"p","Test":"TestA/two","Output":"    a_test.go:7: is broken\n"}
{"Action":"fail","Package":"p","Test":"TestA/two"}
{"Action":"fail","Package":"p","Test":"TestA"}
not an event
{"Action":"run","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:9: is about ch-qemu\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"--- SKIP: TestB (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"output","Package":"q","Output":"q.go:1: does not build\n"}
{"Action":"fail","Package":"q"}
`
	var out strings.Builder
	c := newTally(&out)
	if err := c.read(strings.NewReader(stream)); err != nil {
		t.Fatal(err)
	}
	if c.passed != 1 || c.failed != 1 || c.skipped["TestB"] != "is about ch-qemu" || len(c.skipped) != 1 {
		t.Errorf("%d passed, %d failed, skipped %v", c.passed, c.failed, c.skipped)
	}
	all := fmt.Sprint(c.failures)
	for _, want := range []string{"is broken", "does not build"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not among the failures: %s", want, all)
		}
	}
	for _, want := range []string{"not an event", "TestA/one"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q was not shown: %s", want, out.String())
		}
	}
}
