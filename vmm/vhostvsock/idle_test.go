package vhostvsock_test

import (
	"runtime"
	"testing"

	"github.com/cardplane/cardplane/vmm/vhostvsock/packet"
	"github.com/cardplane/cardplane/vmm/vhostvsock/vhosttest"
)

// TestIdleConnectionMemory opens connections packet by packet, so that nearly
// all memory that they take is the device's.
func TestIdleConnectionMemory(t *testing.T) {
	d := startDevice(t)
	drv := closing(t, d.driver(t, vhosttest.Options{}))
	const n, limit = 500, 20 << 10
	for range 3 { // first use of everything
		openRaw(t, d, drv)
	}
	before := heap()
	for range n {
		host, req := openRaw(t, d, drv)
		send(t, drv, req, packet.OpData, []byte("x"))
		if _, err := host.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	each := (heap() - before) / n
	t.Logf("%d bytes for each idle connection, both its ends in this process", each)
	if each > limit {
		t.Errorf("%d bytes for each idle connection, want at most %d", each, limit)
	}
}

// heap is what is reachable, in bytes. It can shrink: earlier tests leave
// garbage that takes two collections to go.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
