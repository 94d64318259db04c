package netbench_test

import (
	"net"
	"testing"

	"github.com/cardplane/cardplane/ci/netbench"
)

func TestMeasure(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- netbench.Serve(l) }()
	for range 2 {
		r, err := netbench.Measure(l.Addr().String(), 1<<20+1, 10)
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
