package streambench_test

import (
	"net"
	"testing"

	"github.com/cardplane/cardplane/ci/streambench"
)

// All jobs must come to their end over a plain connection.
func TestJobs(t *testing.T) {
	l, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- streambench.Serve(l) }()
	for name, job := range map[string]func(net.Conn) (float64, error){
		"round trips": func(c net.Conn) (float64, error) { d, err := streambench.RoundTrips(c, 64, 10); return float64(d), err },
		"from server": func(c net.Conn) (float64, error) { return streambench.FromServer(c, 4096, 1<<20) },
		"to server":   func(c net.Conn) (float64, error) { return streambench.ToServer(c, 256<<10, 1<<20+7) },
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

func TestMeasure(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- streambench.Serve(l) }()
	dial := func() (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) }
	for range 2 {
		r, err := streambench.Measure(dial, 64<<10, 1<<20+1, 10)
		if err != nil || r.BytesPerSecond <= 0 || r.RequestsPerSecond <= 0 {
			t.Errorf("%+v, %v", r, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
