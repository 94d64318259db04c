package vhostvsock_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/vhostvsock"
	"github.com/cardplane/cardplane/vmm/vhostvsock/protocol"
	"github.com/cardplane/cardplane/vmm/vhostvsock/vhosttest"
)

func TestServeEndsWithItsContext(t *testing.T) {
	dir := shortTempDir(t)
	dev, err := vhostvsock.Listen(vhostvsock.Config{
		VhostSocket: filepath.Join(dir, "vhost"), HybridSocket: filepath.Join(dir, "v"), GuestCID: testCID,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dev.Close() }()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- dev.Serve(ctx) }()
	d := device{vhost: filepath.Join(dir, "vhost"), hybrid: filepath.Join(dir, "v")}
	g := d.guest(t, vhosttest.Options{})
	host, guest := d.pair(t, g)
	exchange(t, host, guest, 100, 1000)
	host, _ = d.pair(t, g)
	cancel()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	expectEOF(t, host)
}

func connect(t testing.TB, d device) *vhosttest.FrontEnd {
	t.Helper()
	f, err := vhosttest.Connect(d.vhost)
	if err != nil {
		t.Fatal(err)
	}
	return closing(t, f)
}

func TestConfigSpace(t *testing.T) {
	d := startDevice(t)
	f := connect(t, d)
	if cid, err := f.ConfigCID(); err != nil || cid != testCID {
		t.Fatalf("CID %d, %v", cid, err)
	}
	window := func(offset uint32, n int) []byte {
		t.Helper()
		b, err := f.Ask(protocol.GetConfig, protocol.Config{Offset: offset, Data: make([]byte, n)}.Encode())
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if b := window(0, 4); len(b) != 16 || b[12] != testCID {
		t.Errorf("first half of the CID: % x", b)
	}
	for _, w := range [][2]int{{0, 9}, {8, 1}, {1 << 31, 1}, {0, 256}} {
		if b := window(uint32(w[0]), w[1]); len(b) != 0 {
			t.Errorf("window %v is answered with % x", w, b)
		}
	}
}

// TestRefusedMessages: each is refused in an acknowledgement, and the session
// goes on.
func TestRefusedMessages(t *testing.T) {
	d := startDevice(t)
	f := connect(t, d)
	if err := f.Negotiate(protocol.VirtioVersion1|protocol.VhostProtocolFeature, protocol.FeatureReplyAck); err != nil {
		t.Fatal(err)
	}
	mem, err := vhosttest.NewMemory(1<<20, 1)
	if err != nil {
		t.Fatal(err)
	}
	closing(t, mem)
	if err := f.ShareMemory(mem); err != nil {
		t.Fatal(err)
	}
	state := func(index, num uint32) []byte { return protocol.VringState{Index: index, Num: num}.Encode() }
	pipe := make([]int, 2)
	if err := unix.Pipe2(pipe, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	regular, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = regular.Close()
		_ = unix.Close(pipe[0])
		_ = unix.Close(pipe[1])
	})
	for name, m := range map[string]struct {
		r       protocol.Request
		payload []byte
		fds     []int
	}{
		"unknown message":            {r: 99},
		"read-only configuration":    {r: protocol.SetConfig, payload: protocol.Config{Data: []byte{1}}.Encode()},
		"features not offered":       {r: protocol.SetFeatures, payload: protocol.PutUint64(1 << 34)},
		"protocol features unknown":  {r: protocol.SetProtocolFeatures, payload: protocol.PutUint64(1 << 12)},
		"no such vring":              {r: protocol.SetVringNum, payload: state(3, 128)},
		"no such vring to enable":    {r: protocol.SetVringEnable, payload: state(1<<31, 1)},
		"queue too large":            {r: protocol.SetVringNum, payload: state(0, 1<<16)},
		"base out of range":          {r: protocol.SetVringBase, payload: state(0, 1<<16)},
		"address of no vring":        {r: protocol.SetVringAddr, payload: protocol.VringAddr{Index: 7}.Encode()},
		"kick of no vring":           {r: protocol.SetVringKick, payload: protocol.PutVringFD(9, true), fds: pipe[:1]},
		"kick without descriptor":    {r: protocol.SetVringKick, payload: protocol.PutVringFD(0, false)},
		"kick that cannot be polled": {r: protocol.SetVringKick, payload: protocol.PutVringFD(0, true), fds: []int{int(regular.Fd())}},
		"memory of no regions":       {r: protocol.SetMemTable, payload: protocol.PutMemTable(nil)},
		"memory that is a pipe":      {r: protocol.SetMemTable, payload: protocol.PutMemTable(mem.Regions), fds: pipe[:1]},
	} {
		t.Run(name, func(t *testing.T) {
			if err := f.Tell(m.r, m.payload, m.fds...); !errors.Is(err, vhosttest.ErrRefused) {
				t.Fatalf("Tell: %v", err)
			}
		})
	}
	t.Run("queue outside memory", func(t *testing.T) {
		for _, n := range []uint32{0, 3, 128} {
			_ = f.Tell(protocol.SetVringNum, state(0, n))
			if err := f.Tell(protocol.SetVringAddr, protocol.VringAddr{Desc: 16, Avail: 16, Used: 16}.Encode()); err != nil {
				t.Fatal(err)
			}
			if err := f.Tell(protocol.SetVringKick, protocol.PutVringFD(0, true), pipe[0]); !errors.Is(err, vhosttest.ErrRefused) {
				t.Fatalf("start with %d entries: %v", n, err)
			}
		}
	})
}

// TestMalformedMessagesEndTheSession and leave the device ready for the next
// front-end.
func TestMalformedMessagesEndTheSession(t *testing.T) {
	d := startDevice(t)
	for name, raw := range map[string][]byte{
		"wrong version":      {1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0},
		"unknown flags":      {1, 0, 0, 0, 0x11, 0, 0, 0, 0, 0, 0, 0},
		"huge payload":       {1, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff},
		"short payload":      {2, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4},
		"vring out of range": {11, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0},
		"kick without fd":    {12, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"regions without fd": {5, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0},
		"no way to refuse":   {99, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("unix", d.vhost)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			if _, err := c.Write(raw); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(c); len(got) > 0 || err != nil && !errors.Is(err, unix.ECONNRESET) {
				t.Fatalf("device answers % x, %v", got, err)
			}
		})
	}
	host, guest := d.pair(t, d.guest(t, vhosttest.Options{}))
	exchange(t, host, guest, 100, 1000)
}

func TestMessageInPieces(t *testing.T) {
	d := startDevice(t)
	c, err := net.Dial("unix", d.vhost)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, b := range []byte{1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0} {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	reply := make([]byte, 20)
	if _, err := io.ReadFull(c, reply); err != nil {
		t.Fatal(err)
	}
	if reply[0] != byte(protocol.GetFeatures) || reply[4] != protocol.Version|protocol.FlagReply {
		t.Fatalf("reply % x", reply)
	}
}
