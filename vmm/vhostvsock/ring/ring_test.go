package ring

import (
	"encoding/binary"
	"errors"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/vhostvsock/guestmem"
)

// Layout of the test queue: front-end addresses are guest addresses.
const (
	size    = 8
	memSize = 1 << 16
	descAt  = 0x0
	availAt = 0x100
	usedAt  = 0x200
	tableAt = 0x400
	bufAt   = 0x1000
)

// driver is guest memory with a queue in it.
type driver struct {
	t   testing.TB
	mem *guestmem.Memory
	b   []byte
}

func newDriver(t testing.TB) *driver {
	t.Helper()
	fd, err := unix.MemfdCreate("ring", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.Ftruncate(fd, memSize); err != nil {
		t.Fatal(err)
	}
	mem, err := guestmem.Map([]guestmem.Region{{Size: memSize}}, []int{fd})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mem.Close() })
	b, err := mem.User(0, memSize)
	if err != nil {
		t.Fatal(err)
	}
	return &driver{t: t, mem: mem, b: b}
}

func (d *driver) queue(change func(*Config)) *Queue {
	d.t.Helper()
	cfg := Config{Size: size, Desc: descAt, Avail: availAt, Used: usedAt, Indirect: true, EventIdx: true}
	if change != nil {
		change(&cfg)
	}
	q, err := New(d.mem, cfg)
	if err != nil {
		d.t.Fatal(err)
	}
	return q
}

func (d *driver) put16(at int, v uint16) { binary.LittleEndian.PutUint16(d.b[at:], v) }
func (d *driver) get16(at int) uint16    { return binary.LittleEndian.Uint16(d.b[at:]) }

func (d *driver) desc(at, i int, addr uint64, n uint32, flags, next uint16) {
	p := d.b[at+16*i:]
	binary.LittleEndian.PutUint64(p, addr)
	binary.LittleEndian.PutUint32(p[8:], n)
	binary.LittleEndian.PutUint16(p[12:], flags)
	binary.LittleEndian.PutUint16(p[14:], next)
}

func (d *driver) offer(idx, head uint16) {
	d.put16(availAt+4+2*int(idx%size), head)
	d.put16(availAt+2, idx+1)
}

func TestNewRefusesBadQueues(t *testing.T) {
	d := newDriver(t)
	for name, cfg := range map[string]Config{
		"no entries":           {Size: 0, Desc: descAt, Avail: availAt, Used: usedAt},
		"no power of two":      {Size: 6, Desc: descAt, Avail: availAt, Used: usedAt},
		"too many entries":     {Size: 1 << 16, Desc: descAt, Avail: availAt, Used: usedAt},
		"descriptors outside":  {Size: size, Desc: memSize - 64, Avail: availAt, Used: usedAt},
		"available outside":    {Size: size, Desc: descAt, Avail: memSize - 20, Used: usedAt},
		"used outside":         {Size: size, Desc: descAt, Avail: availAt, Used: memSize - 68},
		"misaligned":           {Size: size, Desc: 8, Avail: availAt, Used: usedAt},
		"misaligned available": {Size: size, Desc: descAt, Avail: availAt + 1, Used: usedAt},
		"misaligned used":      {Size: size, Desc: descAt, Avail: availAt, Used: usedAt + 2},
	} {
		if _, err := New(d.mem, cfg); err == nil {
			t.Errorf("%s: New accepted it", name)
		}
	}
}

func TestChains(t *testing.T) {
	d := newDriver(t)
	d.desc(descAt, 0, bufAt, 10, descNext, 3)
	d.desc(descAt, 3, bufAt+100, 20, descNext|descWrite, 1)
	d.desc(descAt, 1, bufAt+200, 30, descWrite, 0)
	d.desc(descAt, 5, tableAt, 32, descIndirect, 0)
	d.desc(tableAt, 0, bufAt, 1, descNext, 1)
	d.desc(tableAt, 1, bufAt, 2, 0, 0)
	d.offer(0, 0)
	d.offer(1, 5)
	q := d.queue(nil)
	if n, err := q.Available(); n != 2 || err != nil {
		t.Fatalf("Available = %d, %v", n, err)
	}
	var a, b Chain
	if err := errors.Join(q.Peek(0, &a), q.Peek(1, &b)); err != nil {
		t.Fatal(err)
	}
	if a.ReadLen != 10 || a.WriteLen != 50 || len(a.Writable) != 2 || len(a.Writable[1]) != 30 {
		t.Errorf("direct chain %+v", a)
	}
	if b.ReadLen != 3 || b.WriteLen != 0 || len(b.Readable) != 2 {
		t.Errorf("indirect chain %+v", b)
	}
	q.Complete(&a, 7)
	q.Complete(&b, 0)
	if d.get16(usedAt+2) != 0 {
		t.Error("the driver sees chains before Publish")
	}
	q.Publish()
	used := d.b[usedAt+4:]
	if d.get16(usedAt+2) != 2 || used[0] != 0 || used[4] != 7 || used[8] != 5 || q.Base() != 2 {
		t.Errorf("used ring % x", d.b[usedAt:usedAt+24])
	}
	a.Clear()
	if len(a.Readable) != 0 || a.Readable[:1][0] != nil {
		t.Error("Clear keeps a reference into guest memory")
	}
}

func TestSignals(t *testing.T) {
	d := newDriver(t)
	q := d.queue(nil)
	var c Chain
	step := func(event uint16) bool {
		d.put16(availAt+4+2*size, event)
		q.Complete(&c, 0)
		q.Publish()
		return q.NeedSignal()
	}
	q.NeedSignal()
	if q.NeedSignal() {
		t.Error("nothing new is worth a signal")
	}
	for i, tc := range []struct {
		event uint16
		want  bool
	}{{0, true}, {1, true}, {5, false}, {5, false}, {5, false}, {5, true}, {5, false}} {
		if got := step(tc.event); got != tc.want {
			t.Errorf("step %d: NeedSignal = %v", i, got)
		}
	}
	flags := d.queue(func(c *Config) { c.EventIdx = false })
	flags.NeedSignal()
	flags.Complete(&c, 0)
	if !flags.NeedSignal() {
		t.Error("no signal though the driver wants them")
	}
	d.put16(availAt, availNoInterrupt)
	flags.Complete(&c, 0)
	if flags.NeedSignal() {
		t.Error("signal though the driver wants none")
	}
}

func TestKicks(t *testing.T) {
	d := newDriver(t)
	q := d.queue(func(c *Config) { c.Base = 3 })
	d.put16(availAt+2, 4)
	if n, err := q.EnableKicks(); n != 1 || err != nil {
		t.Errorf("EnableKicks = %d, %v", n, err)
	}
	if got := d.get16(usedAt + 4 + 8*size); got != 3 {
		t.Errorf("available event %d", got)
	}
	q = d.queue(func(c *Config) { c.EventIdx = false })
	q.DisableKicks()
	if d.get16(usedAt) != usedNoNotify {
		t.Error("kicks are not disabled")
	}
	d.put16(availAt+2, 0)
	if n, err := q.EnableKicks(); n != 0 || err != nil || d.get16(usedAt) != 0 {
		t.Errorf("EnableKicks = %d, %v, flags %d", n, err, d.get16(usedAt))
	}
}

func TestLoadAcquire16(t *testing.T) {
	var word [2]uint32
	b := unsafe.Slice((*byte)(unsafe.Pointer(&word)), 8)
	for i := range b {
		b[i] = byte(i)
	}
	for i := 0; i <= 6; i += 2 {
		if got, want := loadAcquire16(b[i:]), uint16(i+1)<<8|uint16(i); got != want {
			t.Errorf("at %d: %#x, want %#x", i, got, want)
		}
	}
}

// FuzzQueue walks whatever a driver can write. A chain that is accepted must
// lie inside memory and be no longer than a chain may be.
func FuzzQueue(f *testing.F) {
	d := newDriver(f)
	d.desc(descAt, 0, bufAt, 10, descNext, 3)
	d.desc(descAt, 3, bufAt+100, 20, descWrite, 1)
	d.desc(descAt, 5, tableAt, 32, descIndirect, 0)
	d.offer(0, 0)
	d.offer(1, 5)
	f.Add(append([]byte(nil), d.b[:tableAt+64]...), true, uint16(0))
	f.Add([]byte{}, false, uint16(0xffff))
	f.Fuzz(func(t *testing.T, b []byte, eventIdx bool, base uint16) {
		d := newDriver(t)
		copy(d.b, b)
		q := d.queue(func(c *Config) { c.EventIdx, c.Base = eventIdx, base })
		n, err := q.Available()
		if err != nil {
			if !errors.Is(err, ErrBroken) {
				t.Fatal(err)
			}
			return
		}
		for range n {
			var c Chain
			if err := q.Peek(0, &c); err != nil {
				if !errors.Is(err, ErrBroken) {
					t.Fatal(err)
				}
				return
			}
			d.check(&c)
			q.Complete(&c, 1)
			q.Publish()
			q.NeedSignal()
		}
		if _, err := q.EnableKicks(); err != nil && !errors.Is(err, ErrBroken) {
			t.Fatal(err)
		}
	})
}

func (d *driver) check(c *Chain) {
	var read, write uint64
	for _, s := range c.Readable {
		read += uint64(len(s))
	}
	for _, s := range c.Writable {
		write += uint64(len(s))
	}
	if read != c.ReadLen || write != c.WriteLen || len(c.Readable)+len(c.Writable) > maxSegments {
		d.t.Fatalf("chain of %d and %d bytes says %d and %d", read, write, c.ReadLen, c.WriteLen)
	}
	lo := uintptr(unsafe.Pointer(&d.b[0]))
	for _, s := range append(c.Readable, c.Writable...) {
		if p := uintptr(unsafe.Pointer(unsafe.SliceData(s))); p < lo || p+uintptr(len(s)) > lo+memSize {
			d.t.Fatal("chain reaches outside memory")
		}
	}
}
