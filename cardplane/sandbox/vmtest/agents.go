package vmtest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

const (
	// agentsWord leads the VMM to the test's Agents; the last word on the
	// command line.
	agentsWord = "agents="
	poweredOff = "powered off"
)

// Agents gives each machine a guest agent, which runs in the test's process.
type Agents struct {
	// Cmdline is the kernel command line with which machines find the agents.
	Cmdline string

	start func() (socket string, off <-chan struct{})
	l     net.Listener
	work  sync.WaitGroup
	end   chan struct{}
}

// NewAgents serves machines until the test ends. start starts an agent, which
// must live as long as the test, and returns the path of its hybrid-vsock
// socket and a channel that is closed when it has powered off.
func NewAgents(t testing.TB, start func() (socket string, off <-chan struct{})) *Agents {
	t.Helper()
	// t.TempDir's paths are too long for unix sockets.
	dir, err := os.MkdirTemp("", "agents")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	a := &Agents{Cmdline: agentsWord + path, start: start, l: l, end: make(chan struct{})}
	a.work.Go(a.serve)
	t.Cleanup(func() {
		close(a.end)
		if err := errors.Join(l.Close(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
		a.work.Wait()
	})
	return a
}

func (a *Agents) serve() {
	for {
		conn, err := a.l.Accept()
		if err != nil {
			return
		}
		socket, off := a.start()
		a.work.Go(func() {
			defer func() { _ = conn.Close() }()
			if _, err := fmt.Fprintln(conn, socket); err != nil {
				return
			}
			select {
			case <-off:
				_, _ = fmt.Fprintln(conn, poweredOff)
			case <-a.end:
			}
		})
	}
}
