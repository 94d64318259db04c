package vhostvsock_test

import (
	"io"
	"testing"

	"github.com/cardplane/cardplane/vmm/vhostvsock/packet"
	"github.com/cardplane/cardplane/vmm/vhostvsock/protocol"
	"github.com/cardplane/cardplane/vmm/vhostvsock/vhosttest"
)

func TestPauseAndResumeKeepConnections(t *testing.T) {
	for name, opt := range map[string]vhosttest.Options{
		"qemu":            {},
		"no reset device": {NoResetDevice: true},
	} {
		t.Run(name, func(t *testing.T) {
			d := startDevice(t)
			drv := closing(t, d.driver(t, opt))
			host, req := openRaw(t, d, drv)
			bases, err := drv.Stop()
			if err != nil {
				t.Fatal(err)
			}
			if bases != [2]uint16{1, 1} {
				t.Errorf("vring bases %v after one packet each way", bases)
			}
			if _, err := io.WriteString(host, "while paused"); err != nil {
				t.Fatal(err)
			}
			if err := drv.Resume(bases); err != nil {
				t.Fatal(err)
			}
			if _, b := recvData(t, drv, packet.OpData); string(b) != "while paused" {
				t.Fatalf("guest got %q", b)
			}
			send(t, drv, req, packet.OpData, []byte("after"))
			got := make([]byte, 5)
			if _, err := io.ReadFull(host, got); err != nil || string(got) != "after" {
				t.Fatalf("host got %q, %v", got, err)
			}
		})
	}
}

func TestDeviceResetDropsConnections(t *testing.T) {
	for name, opt := range map[string]vhosttest.Options{
		"reset message":     {},
		"rings start over":  {NoResetDevice: true},
		"nothing but rings": {NoProtocol: true},
	} {
		t.Run(name, func(t *testing.T) {
			d := startDevice(t)
			drv := closing(t, d.driver(t, opt))
			host, _ := openRaw(t, d, drv)
			if _, err := drv.Stop(); err != nil {
				t.Fatal(err)
			}
			if !opt.NoResetDevice && !opt.NoProtocol {
				if err := drv.Front.Tell(protocol.ResetDevice, nil); err != nil {
					t.Fatal(err)
				}
				expectEOF(t, host)
			}
			if err := drv.Front.Tell(protocol.SetFeatures, protocol.PutUint64(drv.Front.Features())); err != nil {
				t.Fatal(err)
			}
			if err := drv.Reset(0); err != nil {
				t.Fatal(err)
			}
			expectEOF(t, host)
			host, req := openRaw(t, d, drv) // no reset of the old one comes first
			send(t, drv, req, packet.OpData, []byte("x"))
			if _, err := io.ReadFull(host, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestAnotherFrontEnd(t *testing.T) {
	d := startDevice(t)
	for range 3 {
		drv := d.driver(t, vhosttest.Options{})
		host, _ := openRaw(t, d, drv)
		if err := drv.Close(); err != nil {
			t.Fatal(err)
		}
		expectEOF(t, host)
	}
}

// TestGuestResumedUnderAnotherFrontEnd: the guest still knows connections
// that are gone, and is told.
func TestGuestResumedUnderAnotherFrontEnd(t *testing.T) {
	d := startDevice(t)
	drv := d.driver(t, vhosttest.Options{})
	host, req := openRaw(t, d, drv)
	if err := drv.Close(); err != nil {
		t.Fatal(err)
	}
	expectEOF(t, host)
	drv = closing(t, d.driver(t, vhosttest.Options{Base: 1, EventQueue: true}))
	if h := recv(t, drv, packet.OpReset); h.SrcPort != req.SrcPort || h.DstPort != req.DstPort {
		t.Fatalf("reset %+v", h)
	}
	event, err := drv.RecvEvent(patience)
	if err != nil || event != packet.EventTransportReset {
		t.Fatalf("event %d, %v", event, err)
	}
}

func TestMemoryTableReplacedWhileRunning(t *testing.T) {
	d := startDevice(t)
	drv := d.driver(t, vhosttest.Options{Regions: 2})
	g := closing(t, vhosttest.NewGuest(drv))
	host, guest := d.pair(t, g)
	swapped := make(chan error, 1)
	go func() {
		for range 50 {
			if err := drv.Front.ShareMemory(drv.Memory); err != nil {
				swapped <- err
				return
			}
		}
		swapped <- nil
	}()
	exchange(t, host, guest, 50_000, 4<<20)
	if err := <-swapped; err != nil {
		t.Fatal(err)
	}
}

func TestMemoryTableWithoutTheRingsBreaksThem(t *testing.T) {
	d := startDevice(t)
	drv := closing(t, d.driver(t, vhosttest.Options{}))
	host, _ := openRaw(t, d, drv)
	other, err := vhosttest.NewMemory(1<<16, 1)
	if err != nil {
		t.Fatal(err)
	}
	closing(t, other)
	if err := drv.Front.ShareMemory(other); err != nil {
		t.Fatal(err)
	}
	expectEOF(t, host)
}
