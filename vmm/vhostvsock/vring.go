package vhostvsock

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/vhostvsock/guestmem"
	"github.com/cardplane/cardplane/vmm/vhostvsock/protocol"
	"github.com/cardplane/cardplane/vmm/vhostvsock/ring"
)

// Virtqueues of a vsock device (virtio 1.3, section 5.10.2).
const (
	vringRX    = 0 // packets to the guest
	vringTX    = 1 // packets from the guest
	vringEvent = 2
	numVrings  = 3
)

// vring is one virtqueue as the front-end has described it so far.
//
//	stopped ──placed, kick descriptor, memory──► started (queue != nil)
//	started ──GET_VRING_BASE, reset, broken────► stopped (kick closed)
type vring struct {
	poll    *poller
	index   int
	size    uint32
	addr    protocol.VringAddr
	placed  bool // addr is set
	base    uint16
	enabled bool
	kick    int // eventfds, -1 for none
	call    int
	err     int
	queue   *ring.Queue
}

func newVring(poll *poller, index int) vring {
	return vring{poll: poll, index: index, kick: -1, call: -1, err: -1}
}

// start makes the queue if all that it needs is there.
func (v *vring) start(mem *guestmem.Memory, features uint64) error {
	if v.queue != nil || v.kick < 0 || !v.placed || mem == nil {
		return nil
	}
	q, err := ring.New(mem, ring.Config{
		Size: v.size, Desc: v.addr.Desc, Avail: v.addr.Avail, Used: v.addr.Used, Base: v.base,
		EventIdx: features&protocol.VirtioEventIdx != 0,
		Indirect: features&protocol.VirtioIndirectDesc != 0,
	})
	if err != nil {
		return fmt.Errorf("start vring %d: %w", v.index, err)
	}
	v.queue = q
	return nil
}

// stop ends the use of guest memory. The ring starts again only with a new
// kick descriptor.
func (v *vring) stop() {
	if v.queue != nil {
		v.base = v.queue.Base()
		v.queue = nil
	}
	v.closeKick()
}

// closeKick also takes the descriptor out of epoll, which would go on watching
// it as long as the front-end has a copy.
func (v *vring) closeKick() {
	if v.kick >= 0 {
		v.poll.remove(v.kick)
	}
	closeFD(&v.kick)
}

// reset forgets all but the descriptors that the front-end sends only once.
func (v *vring) reset() {
	v.stop()
	*v = vring{poll: v.poll, index: v.index, kick: -1, call: v.call, err: v.err}
}

func (v *vring) close() {
	v.reset()
	closeFD(&v.call)
	closeFD(&v.err)
}

// signal tells the driver about used buffers if it wants to know.
func (v *vring) signal() {
	if v.queue.NeedSignal() {
		notify(v.call)
	}
}

// notify adds one to an eventfd. It cannot block: setting the descriptor made
// it non-blocking. A counter at its limit has a notification pending anyway.
func notify(fd int) {
	if fd < 0 {
		return
	}
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(fd, one[:])
}

func closeFD(fd *int) {
	if *fd >= 0 {
		_ = unix.Close(*fd)
	}
	*fd = -1
}
