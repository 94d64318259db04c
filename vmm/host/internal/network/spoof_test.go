package network_test

import (
	"bytes"
	"net"
	"testing"

	"github.com/cardplane/cardplane/vmm/host/internal/network/rules"
)

// What a VM sends under another's name, or under none that it has, goes
// nowhere, whichever way it is dressed.
func TestSpoofing(t *testing.T) {
	w := newWorld(t)
	w.network("one", open1)
	a, b, c := w.guest("one", 2), w.guest("one", 3), w.guest("one", 4)
	gw := gateway(w, "one")
	broadcast := net.HardwareAddr{255, 255, 255, 255, 255, 255}
	multicast := net.HardwareAddr{0x33, 0x33, 0, 0, 0, 1}
	elsewhere := net.HardwareAddr{2, 9, 9, 9, 9, 9}
	local := rules.LinkLocal(mac(2)).String()
	hostile := map[string][]byte{
		"MAC of another":          frame(mac(3), mac(4), udp4("10.88.0.2", "10.88.0.3", 53, "spoofed")),
		"MAC of the gateway":      frame(mac(3), gw, udp4("10.88.0.2", "10.88.0.3", 53, "spoofed")),
		"MAC of nobody":           frame(mac(3), elsewhere, udp4("10.88.0.2", "10.88.0.3", 53, "spoofed")),
		"IPv4 of another":         frame(mac(3), mac(2), udp4("10.88.0.4", "10.88.0.3", 53, "spoofed")),
		"IPv4 of the gateway":     frame(mac(3), mac(2), udp4(net1gw4, "10.88.0.3", 53, "spoofed")),
		"IPv4 of the outside":     frame(mac(3), mac(2), udp4(outside4, "10.88.0.3", 53, "spoofed")),
		"IPv4 of nobody":          frame(mac(3), mac(2), udp4("0.0.0.0", "10.88.0.3", 53, "spoofed")),
		"IPv4 of the loopback":    frame(gw, mac(2), udp4("127.0.0.1", "127.0.0.1", 53, "spoofed")),
		"IPv6 of another":         frame(mac(3), mac(2), udp6("fd00:88::4", "fd00:88::3", 53, "spoofed")),
		"IPv6 of the gateway":     frame(mac(3), mac(2), udp6(net1gw6, "fd00:88::3", 53, "spoofed")),
		"other link-local IPv6":   frame(mac(3), mac(2), udp6("fe80::4", "fd00:88::3", 53, "spoofed")),
		"in a VLAN":               frame(mac(3), mac(2), tagged(udp4("10.88.0.4", "10.88.0.3", 53, "spoofed"))),
		"own address in a VLAN":   frame(mac(3), mac(2), tagged(udp4("10.88.0.2", "10.88.0.3", 53, "spoofed"))),
		"unknown protocol":        frame(mac(3), mac(2), packet{0x88b5, []byte("spoofed")}),
		"ARP of another":          frame(broadcast, mac(2), arp(2, mac(2), "10.88.0.4", "10.88.0.3")),
		"ARP of the gateway":      frame(broadcast, mac(2), arp(1, mac(2), net1gw4, "10.88.0.3")),
		"ARP for another MAC":     frame(broadcast, mac(2), arp(2, mac(4), "10.88.0.2", "10.88.0.3")),
		"ARP from nobody":         frame(broadcast, mac(2), arp(1, mac(2), "0.0.0.0", "10.88.0.3")),
		"neighbor of another":     frame(multicast, mac(2), advertise6(local, "fd00:88::4", mac(2))),
		"neighbor of the gateway": frame(multicast, mac(2), advertise6("fd00:88::2", net1gw6, mac(2))),
		"router":                  frame(multicast, mac(2), router6(local)),
	}
	socket := b.listenUDP(t, "[::]:53")
	for name, f := range hostile {
		a.inject(t, f)
		a.ping(t, net1gw4)
		w.host.ping(t, "10.88.0.3")
		if b.saw(func(got []byte) bool { return bytes.HasPrefix(got, f) }) {
			t.Errorf("%s: it has arrived", name)
		}
	}
	if got := received(t, socket); len(got) > 0 {
		t.Errorf("reached: %v", got)
	}
	// What is its own does pass, so the above says something.
	for name, f := range map[string][]byte{
		"IPv4":     frame(mac(3), mac(2), udp4("10.88.0.2", "10.88.0.3", 53, "hello")),
		"IPv6":     frame(mac(3), mac(2), udp6("fd00:88::2", "fd00:88::3", 53, "hello")),
		"ARP":      frame(broadcast, mac(2), arp(2, mac(2), "10.88.0.2", "10.88.0.3")),
		"neighbor": frame(multicast, mac(2), advertise6(local, "fd00:88::2", mac(2))),
	} {
		a.inject(t, f)
		a.ping(t, net1gw4)
		w.host.ping(t, "10.88.0.3")
		if !b.saw(func(got []byte) bool { return bytes.HasPrefix(got, f) }) {
			t.Errorf("its own %s has not arrived", name)
		}
	}
	_ = c
}

// No frame makes the bridge believe that another's MAC is here.
func TestNoMACIsStolen(t *testing.T) {
	w := newWorld(t)
	w.network("one", open1)
	a, b, c := w.guest("one", 2), w.guest("one", 3), w.guest("one", 4)
	// A frame of the kind that bridges take for themselves before any rule.
	spanning := net.HardwareAddr{1, 0x80, 0xc2, 0, 0, 0}
	a.inject(t, frame(spanning, mac(3), packet{38, make([]byte, 46)}))
	a.inject(t, frame(spanning, mac(3), packet{0x88cc, make([]byte, 46)}))
	a.ping(t, net1gw4)
	secret := frame(mac(3), mac(4), udp4("10.88.0.4", "10.88.0.3", 53, "for b alone"))
	c.inject(t, secret)
	c.ping(t, net1gw4)
	w.host.ping(t, "10.88.0.2")
	w.host.ping(t, "10.88.0.3")
	is := func(got []byte) bool { return bytes.HasPrefix(got, secret) }
	if a.saw(is) || !b.saw(is) {
		t.Errorf("what was for b went to a: %v, to b: %v", a.saw(is), b.saw(is))
	}
}
