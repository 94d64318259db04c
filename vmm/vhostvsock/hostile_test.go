package vhostvsock_test

import (
	"errors"
	"io"
	"testing"

	"github.com/cardplane/cardplane/vmm/vhostvsock/packet"
	"github.com/cardplane/cardplane/vmm/vhostvsock/protocol"
	"github.com/cardplane/cardplane/vmm/vhostvsock/vhosttest"
)

// TestBrokenRings: each abuse of a ring ends the connections with an end of
// file and a signal on the error eventfd, and a reset by the guest mends it.
func TestBrokenRings(t *testing.T) {
	const inMemory = 0x1_0000_0000
	for name, abuse := range map[string]func(q *vhosttest.Queue){
		"head outside the table": func(q *vhosttest.Queue) { q.Offer(999) },
		"available index too far": func(q *vhosttest.Queue) {
			q.SetAvailable(30000)
		},
		"loop": func(q *vhosttest.Queue) {
			q.SetDescriptor(0, inMemory, 44, vhosttest.DescNext, 1)
			q.SetDescriptor(1, inMemory, 44, vhosttest.DescNext, 0)
			q.Offer(0)
		},
		"next outside the table": func(q *vhosttest.Queue) {
			q.SetDescriptor(0, inMemory, 44, vhosttest.DescNext, 500)
			q.Offer(0)
		},
		"buffer outside memory": func(q *vhosttest.Queue) {
			q.SetDescriptor(0, 0xdead0000, 44, 0, 0)
			q.Offer(0)
		},
		"buffer past the end": func(q *vhosttest.Queue) {
			q.SetDescriptor(0, inMemory, 0xffffffff, 0, 0)
			q.Offer(0)
		},
		"address wraps": func(q *vhosttest.Queue) {
			q.SetDescriptor(0, ^uint64(0)-10, 44, 0, 0)
			q.Offer(0)
		},
		"readable after writable": func(q *vhosttest.Queue) {
			q.SetDescriptor(0, inMemory, 44, vhosttest.DescWrite|vhosttest.DescNext, 1)
			q.SetDescriptor(1, inMemory, 44, 0, 0)
			q.Offer(0)
		},
		"no header": func(q *vhosttest.Queue) {
			q.SetDescriptor(0, inMemory, 43, 0, 0)
			q.Offer(0)
		},
		"writable packet": func(q *vhosttest.Queue) {
			q.SetDescriptor(0, inMemory, 44, vhosttest.DescWrite, 0)
			q.Offer(0)
		},
		"indirect with next": func(q *vhosttest.Queue) {
			q.SetDescriptor(0, inMemory, 64, vhosttest.DescIndirect|vhosttest.DescNext, 1)
			q.Offer(0)
		},
		"indirect table of odd size": func(q *vhosttest.Queue) {
			q.SetDescriptor(0, inMemory, 65, vhosttest.DescIndirect, 0)
			q.Offer(0)
		},
		"indirect table outside memory": func(q *vhosttest.Queue) {
			q.SetDescriptor(0, 16, 64, vhosttest.DescIndirect, 0)
			q.Offer(0)
		},
		"indirect table too long": func(q *vhosttest.Queue) {
			q.SetDescriptor(0, inMemory, 16*2000, vhosttest.DescIndirect, 0)
			q.Offer(0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := startDevice(t)
			drv := closing(t, d.driver(t, vhosttest.Options{}))
			host, _ := openRaw(t, d, drv)
			abuse(drv.Queues[vhosttest.TX])
			if err := drv.Queues[vhosttest.TX].ForceKick(); err != nil {
				t.Fatal(err)
			}
			expectEOF(t, host)
			if err := drv.Queues[vhosttest.TX].WaitBroken(patience); err != nil {
				t.Fatalf("error eventfd: %v", err)
			}
			restart(t, drv)
			openRaw(t, d, drv)
		})
	}
}

// restart resets the device as a rebooting guest makes QEMU do.
func restart(t testing.TB, drv *vhosttest.Driver) {
	t.Helper()
	if _, err := drv.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := drv.Front.Tell(protocol.ResetDevice, nil); err != nil {
		t.Fatal(err)
	}
	if err := drv.Front.Tell(protocol.SetFeatures, protocol.PutUint64(drv.Front.Features())); err != nil {
		t.Fatal(err)
	}
	if err := drv.Reset(0); err != nil {
		t.Fatal(err)
	}
}

func TestBrokenReceiveBuffers(t *testing.T) {
	for name, sizes := range map[string][]uint32{
		"too small for a header": {43},
		"no room for data":       {44},
	} {
		t.Run(name, func(t *testing.T) {
			d := startDevice(t)
			drv := closing(t, d.driver(t, vhosttest.Options{RXBuffer: sizes}))
			host := d.dialRaw(t, "CONNECT 7\n")
			if sizes[0] >= packet.HeaderSize {
				req := recv(t, drv, packet.OpRequest)
				send(t, drv, req, packet.OpResponse, nil)
				readOK(t, host)
				_, _ = io.WriteString(host, "x") // it may be over already
			}
			expectEOF(t, host)
		})
	}
}

// TestWrongPackets: each is answered with a reset, or with nothing, and other
// connections are not touched.
func TestWrongPackets(t *testing.T) {
	for name, tc := range map[string]struct {
		change  func(h *packet.Header)
		payload int
		silent  bool // no reset
		keeps   bool // the connection lives on
	}{
		"unknown operation":        {change: func(h *packet.Header) { h.Op = 77 }},
		"invalid operation":        {change: func(h *packet.Header) { h.Op = packet.OpInvalid }},
		"datagram":                 {change: func(h *packet.Header) { h.Type = 3 }},
		"second request":           {change: func(h *packet.Header) { h.Op = packet.OpRequest }},
		"second response":          {change: func(h *packet.Header) { h.Op = packet.OpResponse }},
		"length beyond the packet": {change: func(h *packet.Header) { h.Len = 100 }, payload: 99},
		"length beyond any packet": {change: func(h *packet.Header) { h.Len = 0xffffffff }, payload: 10},
		"data for no connection":   {change: func(h *packet.Header) { h.SrcPort++ }, keeps: true},
		"shutdown of none":         {change: func(h *packet.Header) { h.SrcPort++; h.Op = packet.OpShutdown }, keeps: true},
		"reset of none":            {change: func(h *packet.Header) { h.SrcPort++; h.Op = packet.OpReset }, silent: true, keeps: true},
		"reset of none, datagram":  {change: func(h *packet.Header) { h.SrcPort++; h.Op = packet.OpReset; h.Type = 3 }, silent: true, keeps: true},
		"to another guest":         {change: func(h *packet.Header) { h.DstCID = 99 }, silent: true, keeps: true},
		"from another guest":       {change: func(h *packet.Header) { h.SrcCID = 99 }, silent: true, keeps: true},
	} {
		t.Run(name, func(t *testing.T) {
			d := startDevice(t)
			drv := closing(t, d.driver(t, vhosttest.Options{}))
			bystander, other := openRaw(t, d, drv)
			host, req := openRaw(t, d, drv)
			h := packet.Header{
				SrcCID: testCID, DstCID: packet.HostCID, SrcPort: req.DstPort, DstPort: req.SrcPort,
				Len: uint32(tc.payload), Type: packet.TypeStream, Op: packet.OpData, BufAlloc: 1000,
			}
			tc.change(&h)
			if err := drv.SendRaw(h, make([]byte, tc.payload)); err != nil {
				t.Fatal(err)
			}
			if !tc.silent {
				if r := recv(t, drv, packet.OpReset); r.SrcPort != h.DstPort || r.DstPort != h.SrcPort {
					t.Fatalf("reset %+v", r)
				}
			}
			if !tc.keeps {
				expectEOF(t, host)
			}
			send(t, drv, other, packet.OpData, []byte("x"))
			if _, err := io.ReadFull(bystander, make([]byte, 1)); err != nil {
				t.Fatalf("bystander: %v", err)
			}
		})
	}
}

func TestGuestThatIgnoresItsCredit(t *testing.T) {
	d := startDevice(t)
	drv := closing(t, d.driver(t, vhosttest.Options{}))
	_, req := openRaw(t, d, drv)
	// The host reads nothing: socket buffer and credit fill up.
	for {
		send(t, drv, req, packet.OpData, make([]byte, packet.MaxPayload))
		h, _, err := drv.Recv(0)
		if errors.Is(err, vhosttest.ErrTimeout) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Op == packet.OpReset {
			return
		}
	}
}

// TestFloodWithoutReceiveBuffers: a guest that provokes answers and gives no
// buffers for them gets its packets no longer taken, and all answers later.
func TestFloodWithoutReceiveBuffers(t *testing.T) {
	const flood = 1000
	d := startDevice(t)
	drv := closing(t, d.driver(t, vhosttest.Options{RXBuffers: 1}))
	sent := make(chan error, 1)
	go func() {
		for i := range uint32(flood) {
			if err := drv.Send(packet.Header{SrcPort: i, DstPort: 1, Op: packet.OpData}, nil); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for i := range uint32(flood) {
		if h := recv(t, drv, packet.OpReset); h.DstPort != i {
			t.Fatalf("reset %d is for port %d", i, h.DstPort)
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

// TestMemoryCutShort: a front-end that truncates the file makes every access
// fault. The device survives it and serves the next front-end.
func TestMemoryCutShort(t *testing.T) {
	d := startDevice(t)
	drv := d.driver(t, vhosttest.Options{})
	host, _ := openRaw(t, d, drv)
	if err := drv.Memory.Truncate(); err != nil {
		t.Fatal(err)
	}
	if err := drv.Queues[vhosttest.TX].ForceKick(); err != nil {
		t.Fatal(err)
	}
	expectEOF(t, host)
	if err := drv.Close(); err != nil {
		t.Fatal(err)
	}
	host2, guest := d.pair(t, d.guest(t, vhosttest.Options{}))
	exchange(t, host2, guest, 100, 1000)
}

// FuzzRings lets the fuzzer write the descriptors, rings and packets of a
// running device.
func FuzzRings(f *testing.F) {
	f.Add([]byte{}, []byte{}, uint16(1))
	f.Add([]byte{0, 0, 0, 0, 1, 0, 0, 0, 44, 0, 0, 0, 0, 0, 0, 0}, []byte{42, 0, 0, 0, 0, 0, 0, 0, 2}, uint16(1))
	f.Add([]byte{0, 0, 0, 0, 1, 0, 0, 0, 44, 0, 0, 0, 1, 0, 0, 0}, []byte{1}, uint16(5))
	f.Add([]byte{0, 16, 0, 0, 1, 0, 0, 0, 64, 0, 0, 0, 4, 0, 0, 0}, []byte{1}, uint16(128))
	f.Fuzz(func(t *testing.T, table, data []byte, available uint16) {
		d := startDevice(t)
		drv := closing(t, d.driver(t, vhosttest.Options{QueueSize: 8}))
		tx := drv.Queues[vhosttest.TX]
		copy(drv.Memory.At(0x1_0000_0000, 1<<20), data) // where transmit slots lie
		tx.Overwrite(table)
		tx.SetAvailable(available)
		if err := tx.ForceKick(); err != nil {
			t.Fatal(err)
		}
		// It must still answer its front-end.
		if _, err := drv.Stop(); err != nil {
			t.Fatal(err)
		}
	})
}
