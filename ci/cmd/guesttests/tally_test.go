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
{"Action":"run","Package":"r","Test":"TestC"}
{"Action":"run","Package":"r","Test":"TestC/hangs"}
{"Action":"output","Package":"r","Test":"TestC/hangs","Output":"=== RUN   TestC/hangs\n"}
{"Action":"run","Package":"r","Test":"TestD"}
{"Action":"output","Package":"r","Test":"TestD","Output":"=== PAUSE TestD\n"}
{"Action":"pause","Package":"r","Test":"TestD"}
{"Action":"run","Package":"r","Test":"TestE"}
{"Action":"output","Package":"r","Test":"TestE","Output":"=== RUN   TestE\n"}
{"Action":"pass","Package":"r","Test":"TestE"}
{"Action":"output","Package":"r","Test":"TestE","Output":"panic: test timed out\n"}
{"Action":"fail","Package":"r"}
`
	var out strings.Builder
	c := newTally(&out)
	if err := c.read(strings.NewReader(stream)); err != nil {
		t.Fatal(err)
	}
	if c.passed != 2 || c.failed != 2 || c.skipped["TestB"] != "is about ch-qemu" || len(c.skipped) != 1 {
		t.Errorf("%d passed, %d failed, skipped %v", c.passed, c.failed, c.skipped)
	}
	all := fmt.Sprint(c.failures)
	for _, want := range []string{"is broken", "does not build", "r TestC/hangs was running when its package ended\n", "r TestE wrote after its end\npanic: test timed out"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not among the failures: %s", want, all)
		}
	}
	if strings.Contains(all, "TestD") {
		t.Errorf("a test that had not its turn is among the failures: %s", all)
	}
	for _, want := range []string{"not an event", "TestA/one", "never ended  TestC/hangs"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q was not shown: %s", want, out.String())
		}
	}
}
