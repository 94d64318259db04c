package vsockbench_test

import (
	"net"
	"testing"

	"github.com/cardplane/cardplane/ci/vsockbench"
)

// All jobs must come to their end over a plain connection.
func TestJobs(t *testing.T) {
	l, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- vsockbench.Serve(l) }()
	for name, job := range map[string]func(net.Conn) (float64, error){
		"round trips": func(c net.Conn) (float64, error) { d, err := vsockbench.RoundTrips(c, 64, 10); return float64(d), err },
		"from server": func(c net.Conn) (float64, error) { return vsockbench.FromServer(c, 4096, 1<<20) },
		"to server":   func(c net.Conn) (float64, error) { return vsockbench.ToServer(c, 256<<10, 1<<20+7) },
	} {
		conn, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := job(conn); err != nil || got <= 0 {
			t.Errorf("%s: %v %v", name, got, err)
		}
		_ = conn.Close()
	}
	_ = l.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
