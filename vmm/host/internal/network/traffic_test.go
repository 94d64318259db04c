package network_test

import (
	"slices"
	"testing"
)

// VMs of a network reach each other, and nobody else on the host.
func TestReach(t *testing.T) { eachWorld(t, checkReach) }

func checkReach(t *testing.T, w *world) {
	w.network("one", open1)
	w.network("two", open2)
	a, b, c := w.guest("one", 2), w.guest("one", 3), w.guest("two", 2)
	a.ping(t, "10.88.0.3")
	a.ping(t, "fd00:88::3")
	a.ping(t, net1gw4)
	a.ping(t, net1gw6)
	serve(t, b.namespace, "10.88.0.3:80", "b")
	if got := ask(t, a.namespace, "10.88.0.3:80"); got != "b to 10.88.0.2" {
		t.Errorf("got %q", got)
	}

	forbidden := map[string]struct {
		listener namespace
		at       string
	}{
		"other network, IPv4":    {c.namespace, "10.89.0.2:53"},
		"other network, IPv6":    {c.namespace, "[fd00:89::2]:53"},
		"host's gateway address": {w.host, net1gw4 + ":53"},
		"host's IPv6 gateway":    {w.host, "[" + net1gw6 + "]:53"},
		"host's outer address":   {w.host, hostOutside4 + ":53"},
		"host's other network":   {w.host, net2gw4 + ":53"},
	}
	for name, f := range forbidden {
		socket := f.listener.listenUDP(t, f.at)
		a.send(t, f.at, "hello")
		a.ping(t, net1gw4)
		a.ping(t, net1gw6)
		w.host.ping(t, "10.89.0.2")
		w.host.ping(t, "fd00:89::2")
		if got := received(t, socket); len(got) > 0 {
			t.Errorf("%s: reached: %v", name, got)
		}
	}
}

// VMs go out with the host's address, and are not reached from outside.
func TestMasquerade(t *testing.T) {
	w := newWorld(t)
	w.network("one", open1)
	a := w.guest("one", 2)
	serve(t, w.outside.namespace, outside4+":80", "outside")
	serve(t, w.outside.namespace, "["+outside6+"]:80", "outside")
	if got := ask(t, a.namespace, outside4+":80"); got != "outside to "+hostOutside4 {
		t.Errorf("got %q", got)
	}
	if got := ask(t, a.namespace, "["+outside6+"]:80"); got != "outside to "+hostOutside6 {
		t.Errorf("got %q", got)
	}
	socket := a.listenUDP(t, "10.88.0.2:53")
	w.outside.do(t, func() error { return address("eth0", nil, hostOutside4) })
	w.outside.send(t, "10.88.0.2:53", "hello")
	w.outside.ping(t, hostOutside4)
	w.host.ping(t, "10.88.0.2")
	if got := received(t, socket); len(got) > 0 {
		t.Errorf("reached from outside: %v", got)
	}
}

// A network without a way out has none.
func TestInternal(t *testing.T) { eachWorld(t, checkInternal) }

func checkInternal(t *testing.T, w *world) {
	spec := open1
	spec.Outbound = "none"
	w.network("one", spec)
	w.network("two", open2) // for whose sake the host forwards
	a, b := w.guest("one", 2), w.guest("one", 3)
	a.ping(t, "10.88.0.3")
	a.ping(t, "fd00:88::3")
	_ = b
	four, six := w.outside.listenUDP(t, outside4+":53"), w.outside.listenUDP(t, "["+outside6+"]:53")
	a.send(t, outside4+":53", "hello")
	a.send(t, "["+outside6+"]:53", "hello")
	a.ping(t, net1gw4)
	a.ping(t, net1gw6)
	w.host.ping(t, outside4)
	w.host.ping(t, outside6)
	if got := slices.Concat(received(t, four), received(t, six)); len(got) > 0 {
		t.Errorf("a way out: %v", got)
	}
}

// VMs of an isolated network do not reach each other, neither directly nor
// through the host, and have a way out.
func TestIsolated(t *testing.T) { eachWorld(t, checkIsolated) }

func checkIsolated(t *testing.T, w *world) {
	spec := open1
	spec.Isolated = true
	w.network("one", spec)
	a, b := w.guest("one", 2), w.guest("one", 3)
	serve(t, w.outside.namespace, outside4+":80", "outside")
	if got := ask(t, a.namespace, outside4+":80"); got != "outside to "+hostOutside4 {
		t.Errorf("got %q", got)
	}
	socket := b.listenUDP(t, "10.88.0.3:53")
	a.do(t, func() error { return neighbor("10.88.0.3", mac(3)) })
	a.send(t, "10.88.0.3:53", "hello")
	a.inject(t, frame(gateway(w, "one"), mac(2), udp4("10.88.0.2", "10.88.0.3", 53, "through the host")))
	a.ping(t, net1gw4)
	w.host.ping(t, "10.88.0.3")
	if got := received(t, socket); len(got) > 0 {
		t.Errorf("reached: %v", got)
	}
}

// What is blocked is not reached, although there is a way out.
func TestBlocked(t *testing.T) {
	w := newWorld(t)
	spec := open1
	spec.Blocked = []string{outside4 + "/32"}
	w.network("one", spec)
	a := w.guest("one", 2)
	serve(t, w.outside.namespace, "["+outside6+"]:80", "outside")
	if got := ask(t, a.namespace, "["+outside6+"]:80"); got != "outside to "+hostOutside6 {
		t.Errorf("got %q", got)
	}
	socket := w.outside.listenUDP(t, outside4+":53")
	a.send(t, outside4+":53", "hello")
	a.ping(t, net1gw4)
	w.host.ping(t, outside4)
	if got := received(t, socket); len(got) > 0 {
		t.Errorf("reached: %v", got)
	}
}
