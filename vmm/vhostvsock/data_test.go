package vhostvsock_test

import (
	"fmt"
	"testing"

	"github.com/cardplane/cardplane/vmm/vhostvsock/packet"
	"github.com/cardplane/cardplane/vmm/vhostvsock/vhosttest"
)

// TestDataThroughEveryRingShape sends data both ways through drivers that use
// the rings in every way that the specification allows.
func TestDataThroughEveryRingShape(t *testing.T) {
	for name, opt := range map[string]vhosttest.Options{
		"linux":                    {},
		"no event index":           {NoEventIdx: true},
		"no indirect":              {NoIndirect: true},
		"neither":                  {NoEventIdx: true, NoIndirect: true},
		"no protocol features":     {NoProtocol: true},
		"header with payload":      {TXSplit: -1},
		"payload in small pieces":  {TXSplit: 1500},
		"pieces without indirect":  {TXSplit: 4096, NoIndirect: true},
		"rx header apart":          {RXBuffer: []uint32{44, 4052}},
		"rx header split":          {RXBuffer: []uint32{20, 30, 2000, 1}},
		"rx pieces no indirect":    {RXBuffer: []uint32{20, 30, 2000}, NoIndirect: true},
		"rx one byte of payload":   {RXBuffer: []uint32{45}},
		"rx large":                 {RXBuffer: []uint32{44 + 64<<10}, QueueSize: 16},
		"rx larger than any":       {RXBuffer: []uint32{200 << 10}, QueueSize: 8},
		"one rx buffer":            {RXBuffers: 1},
		"tiny queue":               {QueueSize: 4},
		"several regions":          {Regions: 8, TXSplit: -1},
		"indexes about to wrap":    {Base: 65530, NoResetDevice: true},
		"wrap without event index": {Base: 65530, NoEventIdx: true},
	} {
		t.Run(name, func(t *testing.T) {
			total := 1 << 20
			if len(opt.RXBuffer) > 0 && opt.RXBuffer[0] == 45 {
				total = 4 << 10
			}
			d := startDevice(t)
			g := d.guest(t, opt)
			host, guest := d.pair(t, g)
			exchange(t, host, guest, 100_000, total)
		})
	}
}

func TestWriteSizes(t *testing.T) {
	d := startDevice(t)
	g := d.guest(t, vhosttest.Options{})
	for _, size := range []int{1, 64, 4 << 10, 32 << 10, 64<<10 + 1, 256 << 10} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			host, guest := d.pair(t, g)
			exchange(t, host, guest, size, min(size*1000, 3<<20))
		})
	}
}

func TestGuestToHostConnection(t *testing.T) {
	d := startDevice(t)
	g := d.guest(t, vhosttest.Options{})
	l := d.listen(t, 5000)
	guest, err := g.Dial(5000)
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, acceptHost(t, l), guest, 256<<10, 2<<20)
}

// TestTakenPacketsAreSignaled though it may be late: a driver may wait for
// nothing else.
func TestTakenPacketsAreSignaled(t *testing.T) {
	for name, opt := range map[string]vhosttest.Options{"event index": {}, "flags": {NoEventIdx: true}} {
		t.Run(name, func(t *testing.T) {
			d := startDevice(t)
			drv := closing(t, d.driver(t, opt))
			tx := drv.Queues[vhosttest.TX]
			for range 3 {
				if err := drv.Send(packet.Header{Op: packet.OpReset}, nil); err != nil {
					t.Fatal(err)
				}
				if err := tx.WaitSignal(patience); err != nil {
					t.Fatal(err)
				}
				if _, _, ok := tx.Used(); !ok {
					t.Fatal("signal without a used chain")
				}
				tx.EnableSignal()
			}
		})
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	d := startDevice(b)
	host, guest := d.pair(b, d.guest(b, vhosttest.Options{}))
	buf := make([]byte, 64)
	go func() {
		in := make([]byte, 64)
		for {
			n, err := guest.Read(in)
			if err != nil {
				return
			}
			if _, err := guest.Write(in[:n]); err != nil {
				return
			}
		}
	}()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := host.Write(buf); err != nil {
			b.Fatal(err)
		}
		for n := 0; n < len(buf); {
			m, err := host.Read(buf[n:])
			if err != nil {
				b.Fatal(err)
			}
			n += m
		}
	}
}

func BenchmarkToHost(b *testing.B) {
	for _, size := range []int{4 << 10, 32 << 10, 256 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			d := startDevice(b)
			host, guest := d.pair(b, d.guest(b, vhosttest.Options{}))
			go func() {
				data := make([]byte, size)
				for {
					if _, err := guest.Write(data); err != nil {
						return
					}
				}
			}()
			benchRead(b, host, size)
		})
	}
}

func BenchmarkToGuest(b *testing.B) {
	for _, size := range []int{4 << 10, 32 << 10, 256 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			d := startDevice(b)
			host, guest := d.pair(b, d.guest(b, vhosttest.Options{}))
			go func() {
				data := make([]byte, size)
				for {
					if _, err := host.Write(data); err != nil {
						return
					}
				}
			}()
			benchRead(b, guest, size)
		})
	}
}

func benchRead(b *testing.B, r interface{ Read([]byte) (int, error) }, size int) {
	buf := make([]byte, 256<<10)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	got := 0
	for b.Loop() {
		for got < size {
			n, err := r.Read(buf)
			if err != nil {
				b.Fatal(err)
			}
			got += n
		}
		got -= size
	}
}
