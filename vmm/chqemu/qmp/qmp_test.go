package qmp_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/vmm/chqemu/qmp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const greeting = `{"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10}, "package": ""}, "capabilities": ["oob"]}}` + "\n"

// request is what a fake QEMU gets.
type request struct {
	Execute   string
	Arguments json.RawMessage
	ID        uint64
}

// qemu is the other end of a connection.
type qemu struct {
	net.Conn
	in *bufio.Scanner
}

func (q *qemu) next(t *testing.T) request {
	var r request
	if !q.in.Scan() {
		return r
	}
	if err := json.Unmarshal(q.in.Bytes(), &r); err != nil {
		t.Errorf("request %q: %v", q.in.Bytes(), err)
	}
	return r
}

func (q *qemu) say(format string, args ...any) { _, _ = fmt.Fprintf(q, format+"\n", args...) }

// start runs script as QEMU, behind the greeting and the negotiation.
func start(t *testing.T, script func(*qemu)) *qmp.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = theirs.Close() }()
		q := &qemu{Conn: theirs, in: bufio.NewScanner(theirs)}
		_, _ = io.WriteString(q, greeting)
		if r := q.next(t); r.Execute != "qmp_capabilities" {
			t.Errorf("first command %q", r.Execute)
		} else {
			q.say(`{"return": {}, "id": %d}`, r.ID)
		}
		script(q)
	}()
	c, err := qmp.Open(context.Background(), ours)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close()
		<-done
	})
	return c
}

func TestExecute(t *testing.T) {
	c := start(t, func(q *qemu) {
		r := q.next(t)
		q.say(`{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}`)
		q.say(`{"return": {"args": %s}, "id": %d}`, r.Arguments, r.ID)
		r = q.next(t)
		q.say(`{"id": %d, "error": {"class": "GenericError", "desc": "no such thing"}}`, r.ID)
	})
	if c.Version() != (qmp.Version{Major: 10, Micro: 2}) || c.Version().String() != "10.0.2" {
		t.Errorf("version %v", c.Version())
	}
	ctx := context.Background()
	var out struct{ Args map[string]int }
	if err := c.Execute(ctx, "x", map[string]int{"n": 7}, &out); err != nil || out.Args["n"] != 7 {
		t.Fatalf("%+v %v", out, err)
	}
	if e := <-c.Events(); e.Name != "STOP" {
		t.Errorf("event %+v", e)
	}
	var failed *qmp.Error
	if err := c.Execute(ctx, "y", nil, nil); !errors.As(err, &failed) || failed.Command != "y" || err.Error() != "no such thing" {
		t.Fatalf("got %v", err)
	}
}

// The end of QEMU ends a command that waits, and the events.
func TestEnd(t *testing.T) {
	c := start(t, func(q *qemu) {
		q.next(t)
		q.say(`{"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}}`)
	})
	if err := c.Execute(context.Background(), "x", nil, nil); !errors.Is(err, qmp.ErrClosed) {
		t.Fatalf("got %v", err)
	}
	var names []string
	for e := range c.Events() {
		names = append(names, e.Name)
	}
	if strings.Join(names, " ") != "SHUTDOWN" {
		t.Fatalf("events %v", names)
	}
	if err := c.Execute(context.Background(), "x", nil, nil); !errors.Is(err, qmp.ErrClosed) {
		t.Fatalf("got %v", err)
	}
}

// A command whose caller has gone does not get in the way of the next.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	c := start(t, func(q *qemu) {
		first := q.next(t)
		cancel()
		second := q.next(t)
		q.say(`{"return": {}, "id": %d}`, first.ID)
		q.say(`{"return": {}, "id": %d}`, second.ID)
	})
	if err := c.Execute(ctx, "slow", nil, nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if err := c.Execute(context.Background(), "next", nil, nil); err != nil {
		t.Fatal(err)
	}
}

// Close ends a connection whose events nobody reads.
func TestCloseWithBacklog(t *testing.T) {
	sent := make(chan struct{})
	c := start(t, func(q *qemu) {
		for range 100 {
			q.say(`{"event": "NOISE"}`)
		}
		close(sent)
	})
	for range 36 {
		<-c.Events()
	}
	<-sent
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestBadGreeting(t *testing.T) {
	for _, text := range []string{"", "hello\n", "{}\n", `{"QMP":` + "\n"} {
		ours, theirs := net.Pipe()
		go func() {
			_, _ = io.WriteString(theirs, text)
			_ = theirs.Close()
		}()
		if _, err := qmp.Open(context.Background(), ours); err == nil {
			t.Errorf("%q is taken for a greeting", text)
		}
	}
}

// Bytes of a QEMU that has gone wrong end the connection at worst.
func FuzzConn(f *testing.F) {
	f.Add([]byte(`{"return": {}, "id": 2}` + "\n"))
	f.Add([]byte(`{"event": "X", "data": {}}` + "\n" + `{"id": 7}` + "\n"))
	f.Add([]byte(`{"id": -1}` + "\n"))
	f.Add([]byte("nonsense"))
	f.Fuzz(func(t *testing.T, noise []byte) {
		c := start(t, func(q *qemu) {
			q.next(t)
			_, _ = q.Write(noise)
		})
		go func() {
			for range c.Events() {
			}
		}()
		_ = c.Execute(context.Background(), "x", nil, &struct{ X int }{})
	})
}
