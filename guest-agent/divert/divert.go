// Package divert has what programs send to a port of this machine reach another
// one, so that the first is free for them to listen on.
//
// BPF programs of a cgroup change the port where a program gives an address to
// the kernel, and change it back where the kernel tells one: it sees no other
// than the one it has asked for. No packet is touched.
package divert

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
)

// Offsets in struct bpf_sock_addr, linux/bpf.h, in bytes. Addresses and ports
// are there in network byte order.
const (
	userIP4  = 4
	userIP6  = 8
	userPort = 24
	// wordSize is the length of a register's lower half, and of an IPv4 address.
	wordSize = 4
)

// hook is one place at which an address passes.
type hook struct {
	name string
	at   ebpf.AttachType
	// v6 is of sockets of IPv6, which write an IPv4 address as a mapped one (RFC
	// 4291, section 2.5.5.2).
	v6 bool
	// back is of addresses that the kernel tells.
	back bool
}

// hooks are all of them. A datagram to a mapped address passes that of IPv4.
var hooks = []hook{
	{name: "connect4", at: ebpf.AttachCGroupInet4Connect},
	{name: "connect6", at: ebpf.AttachCGroupInet6Connect, v6: true},
	{name: "sendmsg4", at: ebpf.AttachCGroupUDP4Sendmsg},
	{name: "recvmsg4", at: ebpf.AttachCGroupUDP4Recvmsg, back: true},
	{name: "recvmsg6", at: ebpf.AttachCGroupUDP6Recvmsg, v6: true, back: true},
	{name: "getpeername4", at: ebpf.AttachCgroupInet4GetPeername, back: true},
	{name: "getpeername6", at: ebpf.AttachCgroupInet6GetPeername, v6: true, back: true},
}

// Diversion is one that is in force from Start to Close.
type Diversion struct {
	path  string
	ready []program
	links []io.Closer
}

// program is one that is in the kernel, for its hook.
type program struct {
	hook
	*ebpf.Program
}

// New readies the diversion, for programs in the cgroup at path and below, of
// TCP and UDP for from to the port of to. Both have the same IPv4 address. To
// have the kernel check the programs takes far longer than to start them.
func New(path string, from, to netip.AddrPort) (*Diversion, error) {
	if !from.Addr().Is4() || from.Addr() != to.Addr() {
		return nil, fmt.Errorf("divert %v to %v: not the same IPv4 address", from, to)
	}
	d := &Diversion{path: path}
	for _, h := range hooks {
		p, err := h.load(from.Addr(), from.Port(), to.Port())
		if err != nil {
			return nil, errors.Join(fmt.Errorf("divert %v to %v: %s: %w", from, to, h.name, err), d.Close())
		}
		d.ready = append(d.ready, program{h, p})
	}
	return d, nil
}

// Start puts it in force. After an error it can only be closed.
func (d *Diversion) Start() error {
	for _, p := range d.ready {
		l, err := link.AttachCgroup(link.CgroupOptions{Path: d.path, Attach: p.at, Program: p.Program})
		if err != nil {
			return fmt.Errorf("divert: %s: %w", p.name, err)
		}
		d.links = append(d.links, l)
	}
	return nil
}

// Close ends it. Connections that were diverted stay.
func (d *Diversion) Close() (err error) {
	for _, l := range d.links {
		err = errors.Join(err, l.Close())
	}
	for _, p := range d.ready {
		err = errors.Join(err, p.Close())
	}
	d.ready, d.links = nil, nil
	return err
}

func (h hook) load(ip netip.Addr, asked, real uint16) (*ebpf.Program, error) {
	if h.back {
		asked, real = real, asked
	}
	return ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.CGroupSockAddr, AttachType: h.at, License: "Apache-2.0",
		Instructions: h.instructions(ip, asked, real),
	})
}

// instructions make, where the address is ip, the port want into put. All go on.
func (h hook) instructions(ip netip.Addr, want, put uint16) asm.Instructions {
	const out = "out"
	address, offset := ip.AsSlice(), int16(userIP4)
	if h.v6 {
		mapped := ip.As16()
		address, offset = mapped[:], userIP6
	}
	var list asm.Instructions
	for at := 0; at < len(address); at += wordSize {
		list = append(list,
			asm.LoadMem(asm.R2, asm.R1, offset+int16(at), asm.Word),
			asm.JNE.Imm32(asm.R2, int32(binary.NativeEndian.Uint32(address[at:])), out))
	}
	return append(list,
		asm.LoadMem(asm.R2, asm.R1, userPort, asm.Word),
		asm.JNE.Imm32(asm.R2, networkOrder(want), out),
		asm.Mov.Imm(asm.R2, networkOrder(put)),
		asm.StoreMem(asm.R1, userPort, asm.R2, asm.Word),
		asm.Mov.Imm(asm.R0, 1).WithSymbol(out),
		asm.Return())
}

// networkOrder is a port as struct bpf_sock_addr has it.
func networkOrder(port uint16) int32 {
	return int32(binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, port)))
}
