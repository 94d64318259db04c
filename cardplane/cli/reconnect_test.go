package cli_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/cardplanetest"
)

// stepper prints a number for every value it gets and ends when the channel
// is closed.
func stepper(steps <-chan int) cardplanetest.Program {
	return cardplanetest.Program{Run: func(p *cardplanetest.Process) int {
		for {
			select {
			case n, ok := <-steps:
				if !ok {
					return 17
				}
				_, _ = fmt.Fprintf(p.Stdout, "step %d\n", n)
				_, _ = fmt.Fprintf(p.Stderr, "trace %d\n", n)
			case <-p.Context().Done():
				return 1
			}
		}
	}}
}

// run, logs -f, wait and events live through a restart of the control plane:
// nothing is lost and nothing comes twice.
func TestReconnect(t *testing.T) {
	p := newPlane(t)
	steps := make(chan int)
	p.AddProgram("stepper", stepper(steps))
	run := p.start("run", "--name", "c", "test", "stepper")
	steps <- 1
	run.out.waitFor(t, "step 1\n")
	run.err.waitFor(t, "trace 1\n")
	logs := p.start("logs", "-f", "c")
	logs.err.waitFor(t, "trace 1\n")
	tail := p.start("logs", "-f", "-n", "1", "c")
	tail.err.waitFor(t, "trace 1\n")
	wait := p.start("wait", "c")
	p.requests.waitFor(t, "/wait\n")
	events := p.start("events", "--since", "0")
	events.out.waitFor(t, "container start")

	p.down()
	steps <- 2
	for _, c := range []*process{run, logs, tail, events} {
		c.err.waitFor(t, "cardctl: the control plane went away; reconnecting\n")
	}
	p.up()
	steps <- 3
	run.out.waitFor(t, "step 3\n")
	close(steps)
	run.end(t, 17)
	logs.end(t, 0)
	tail.end(t, 0)
	wait.end(t, 0)
	if run.out.String() != "step 1\nstep 2\nstep 3\n" || logs.out.String() != run.out.String() {
		t.Errorf("run %q, logs %q", run.out, logs.out)
	}
	for _, c := range []*process{run, logs} {
		if got := strings.Replace(c.err.String(), "cardctl: the control plane went away; reconnecting\n", "", 1); got != "trace 1\ntrace 2\ntrace 3\n" {
			t.Errorf("stderr %q", got)
		}
	}
	if got := tail.out.String(); got != "step 2\nstep 3\n" {
		t.Errorf("tail %q", got)
	}
	if wait.out.String() != "17\n" {
		t.Errorf("wait %q", wait.out)
	}
	events.out.waitFor(t, "container exit")
	if n := strings.Count(events.out.String(), "container start"); n != 1 {
		t.Errorf("the start came %d times", n)
	}
	events.signals <- syscall.SIGINT
	events.end(t, 130)
}

// Where input may have been lost, cardctl does not pretend otherwise.
func TestLostSession(t *testing.T) {
	p := newPlane(t)
	c := p.start("run", "-i", "--name", "c", "test", "sh", "-c", "echo ready; cat")
	c.out.waitFor(t, "ready\n")
	p.down()
	c.end(t, 125)
	if got := c.err.String(); !strings.Contains(got, "was lost") || !strings.Contains(got, "the program goes on, attach to it again with `cardctl attach c`") {
		t.Errorf("stderr %q", got)
	}
	p.up()
	if p.must("ps", "-q") == "" {
		t.Error("the container was stopped")
	}
}

// A container that removed itself meanwhile has no exit code to show.
func TestRemovedMeanwhile(t *testing.T) {
	p := newPlane(t)
	steps := make(chan int)
	p.AddProgram("stepper", stepper(steps))
	c := p.start("run", "--rm", "test", "stepper")
	steps <- 1
	c.err.waitFor(t, "trace 1\n")
	p.down()
	close(steps)
	c.err.waitFor(t, "reconnecting")
	p.up()
	c.end(t, 125)
	if !strings.Contains(c.err.String(), "its exit code is in `cardctl events") {
		t.Errorf("stderr %q", c.err)
	}
}

// The control plane goes away while it starts the container.
func TestLostDuringStart(t *testing.T) {
	p := newPlane(t)
	starting, proceed := make(chan struct{}), make(chan struct{})
	p.OnStart(func(context.Context, cardplane.Container) error {
		close(starting)
		<-proceed
		return nil
	})
	c := p.start("run", "test", "sh", "-c", "echo late; exit 4")
	<-starting
	p.down()
	c.err.waitFor(t, "reconnecting")
	p.up()
	close(proceed)
	c.end(t, 4)
	if c.out.String() != "late\n" {
		t.Errorf("stdout %q", c.out)
	}
}

// A start that never arrived is not waited for.
func TestStartRequestLost(t *testing.T) {
	p := newPlane(t)
	p.dropped = "/start"
	if r := p.run("", "run", "--name", "c", "test"); r.code != 125 || !strings.Contains(r.err, "start it with `cardctl start -a c`") {
		t.Errorf("%+v", r)
	}
}

// A request whose answer is lost is repeated and does its work once.
func TestLostAnswers(t *testing.T) {
	p := newPlane(t)
	var lost sync.Map
	api := p.handler
	p.down()
	p.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, again := lost.LoadOrStore(r.URL.Path, nil); r.Header.Get("Idempotency-Key") == "" || again {
			api.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	})
	p.up()
	must := func(args ...string) string {
		t.Helper()
		r := p.run("", args...)
		if r.code != 0 {
			t.Errorf("%q: %+v", args, r)
		}
		return r.out
	}
	if got := must("run", "test", "echo", "once"); got != "once\n" {
		t.Errorf("stdout %q", got)
	}
	id := strings.TrimSpace(must("run", "-d", "--name", "c", "test", "sleep", "1000"))
	if got := must("exec", "c", "echo", "twice?"); got != "twice?\n" {
		t.Errorf("stdout %q", got)
	}
	if all := strings.Fields(must("ps", "-aq", "--no-trunc")); len(all) != 2 {
		t.Errorf("containers %q", all)
	}
	if execs := strings.Count(must("events", "--since", "0", "--no-follow"), "exec start"); execs != 1 {
		t.Errorf("%d execs in %s", execs, id)
	}
	if _, ok := lost.Load("/v1/containers"); !ok {
		t.Error("no answer was lost")
	}
}
