package vhostvsock

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/vhostvsock/protocol"
	"github.com/cardplane/cardplane/vmm/vhostvsock/ring"
)

func (f *frontend) setVring(m *protocol.Message) error {
	if m.Request == protocol.SetVringAddr {
		return f.setVringAddr(m)
	}
	s, err := m.VringState()
	if err != nil {
		return err
	}
	v, err := f.vring(s.Index)
	if err != nil {
		return err
	}
	if m.Request == protocol.SetVringEnable {
		f.mux.payAllTX()
		v.enabled = s.Num != 0
		return nil
	}
	if v.queue != nil {
		return fmt.Errorf("%v of vring %d, which is running", m.Request, s.Index)
	}
	switch {
	case m.Request == protocol.SetVringNum && s.Num <= ring.MaxSize:
		v.size = s.Num
	case m.Request == protocol.SetVringBase && s.Num <= 0xffff:
		v.base = uint16(s.Num)
	default:
		return fmt.Errorf("%v of vring %d to %d", m.Request, s.Index, s.Num)
	}
	return nil
}

func (f *frontend) setVringAddr(m *protocol.Message) error {
	a, err := m.VringAddr()
	if err != nil {
		return err
	}
	v, err := f.vring(a.Index)
	if err != nil {
		return err
	}
	if v.queue != nil && (a.Desc != v.addr.Desc || a.Avail != v.addr.Avail || a.Used != v.addr.Used) {
		return fmt.Errorf("vring %d is running and cannot move", a.Index)
	}
	v.addr, v.placed = a, true
	return nil
}

func (f *frontend) setVringFD(m *protocol.Message) error {
	index, fd, err := m.VringFD()
	if err != nil {
		return err
	}
	v, err := f.vring(index)
	if err != nil {
		return err
	}
	if fd >= 0 {
		// The loop must never block on a descriptor that others share.
		if err := unix.SetNonblock(fd, true); err != nil {
			return fmt.Errorf("make an eventfd non-blocking: %w", err)
		}
		f.conn.TakeFD(fd)
	}
	switch m.Request {
	case protocol.SetVringCall:
		closeFD(&v.call)
		v.call = fd
	case protocol.SetVringErr:
		closeFD(&v.err)
		v.err = fd
	default:
		return f.setKick(v, fd)
	}
	return nil
}

func (f *frontend) setKick(v *vring, fd int) error {
	v.closeKick()
	if fd < 0 {
		return fmt.Errorf("vring %d without a kick descriptor: polling is not supported", v.index)
	}
	// Each write to an eventfd is an edge, so that it need not be read.
	if err := f.poll.add(fd, unix.EPOLLIN|unix.EPOLLET, tokenKick+token(v.index)); err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("kick descriptor of vring %d: %w", v.index, err)
	}
	v.kick = fd
	if err := v.start(f.mem, f.features); err != nil {
		f.stopVring(v)
		return err
	}
	return nil
}
