package network_test

import (
	"fmt"
	"net"
	"testing"

	"github.com/cardplane/cardplane/openapi/hostapi"
)

func (w *world) forward(id string, spec hostapi.ForwardSpec) hostapi.Forward {
	w.Helper()
	f, err := w.PutForward(id, spec)
	if err != nil {
		w.Fatalf("forward %s: %v", id, err)
	}
	return f
}

func tcp(hostAddress string, hostPort int, to string) hostapi.ForwardSpec {
	return hostapi.ForwardSpec{Protocol: hostapi.ProtocolTCP, HostAddress: hostAddress, HostPort: hostPort, Network: "one", Address: to, Port: 80}
}

// A published port is reached from everywhere: outside, the host's loopback and
// addresses, the VM's own network, itself, and another network.
func TestForward(t *testing.T) { eachWorld(t, checkForward) }

func checkForward(t *testing.T, w *world) {
	w.network("one", open1)
	w.network("two", open2)
	a, b, c := w.guest("one", 2), w.guest("one", 3), w.guest("two", 2)
	serve(t, a.namespace, "10.88.0.2:80", "a")
	serve(t, a.namespace, "[fd00:88::2]:80", "a")
	w.forward("four", tcp("", 8080, "10.88.0.2"))
	w.forward("six", tcp("", 8080, "fd00:88::2"))
	for name, c := range map[string]struct {
		from namespace
		to   string
		want string
	}{
		"outside":             {w.outside.namespace, hostOutside4 + ":8080", "a to " + outside4},
		"outside, IPv6":       {w.outside.namespace, "[" + hostOutside6 + "]:8080", "a to " + outside6},
		"loopback":            {w.host, "127.0.0.1:8080", "a to " + net1gw4},
		"host's address":      {w.host, hostOutside4 + ":8080", "a to " + hostOutside4},
		"host's IPv6":         {w.host, "[" + hostOutside6 + "]:8080", "a to " + hostOutside6},
		"same network":        {b.namespace, hostOutside4 + ":8080", "a to " + net1gw4},
		"same network's IPv6": {b.namespace, "[" + net1gw6 + "]:8080", "a to " + net1gw6},
		"itself":              {a.namespace, net1gw4 + ":8080", "a to " + net1gw4},
		"other network":       {c.namespace, net2gw4 + ":8080", "a to 10.89.0.2"},
		"other network, IPv6": {c.namespace, "[" + hostOutside6 + "]:8080", "a to fd00:89::2"},
	} {
		if got := ask(t, c.from, c.to); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// UDP is forwarded too, and its answers come back.
func TestForwardUDP(t *testing.T) {
	w := newWorld(t)
	w.network("one", open1)
	a := w.guest("one", 2)
	for i, to := range []string{"10.88.0.2", "fd00:88::2"} {
		spec := tcp("", 5300+i, to)
		spec.Protocol, spec.Port = hostapi.ProtocolUDP, 53
		w.forward(fmt.Sprint("dns", i), spec)
		socket := a.listenUDP(t, net.JoinHostPort(to, "53"))
		go func() {
			text := make([]byte, 100)
			for {
				n, from, err := socket.ReadFrom(text)
				if err != nil {
					return
				}
				_, _ = socket.WriteTo(append([]byte("re: "), text[:n]...), from)
			}
		}()
	}
	for to, from := range map[string]namespace{
		hostOutside4 + ":5300": w.outside.namespace, "[" + hostOutside6 + "]:5301": w.outside.namespace, "127.0.0.1:5300": w.host,
	} {
		from.do(t, func() error {
			conn, err := net.Dial("udp", to)
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }()
			if _, err := conn.Write([]byte("hello")); err != nil {
				return err
			}
			answer := make([]byte, 100)
			n, err := conn.Read(answer)
			if string(answer[:n]) != "re: hello" {
				t.Errorf("%s: got %q", to, answer[:n])
			}
			return err
		})
	}
}

// A port that is published on the loopback alone is reached from the host
// alone, also by who addresses a packet to the host's loopback.
func TestForwardOnLoopback(t *testing.T) {
	w := newWorld(t)
	w.network("one", open1)
	a, b := w.guest("one", 2), w.guest("one", 3)
	serve(t, a.namespace, "10.88.0.2:80", "a")
	w.forward("web", tcp("127.0.0.1", 8080, "10.88.0.2"))
	if got := ask(t, w.host, "127.0.0.1:8080"); got != "a to "+net1gw4 {
		t.Errorf("got %q", got)
	}
	udp := tcp("127.0.0.1", 5300, "10.88.0.2")
	udp.Protocol, udp.Port = hostapi.ProtocolUDP, 53
	w.forward("dns", udp)
	socket := a.listenUDP(t, "10.88.0.2:53")
	gw := gateway(w, "one")
	b.inject(t, frame(gw, mac(3), udp4("10.88.0.3", "127.0.0.1", 5300, "loopback")))
	b.inject(t, frame(gw, mac(3), udp4("10.88.0.3", net1gw4, 5300, "gateway")))
	w.outside.send(t, hostOutside4+":5300", "outside")
	b.ping(t, net1gw4)
	w.outside.ping(t, hostOutside4)
	w.host.ping(t, "10.88.0.2")
	if got := received(t, socket); len(got) > 0 {
		t.Errorf("reached: %v", got)
	}
}

// Networks without a way out are reached through forwards, and use none.
func TestForwardInternal(t *testing.T) { eachWorld(t, checkForwardInternal) }

func checkForwardInternal(t *testing.T, w *world) {
	spec := open1
	spec.Outbound, spec.Isolated = "none", true
	w.network("one", spec)
	w.network("two", open2)
	nic := w.plug("one", 2)
	a := boot(t, nic, []string{"10.88.0.2/24"}) // knows no gateway
	b := w.guest("one", 3)
	c := w.guest("two", 2)
	serve(t, a.namespace, "10.88.0.2:80", "a")
	w.forward("web", tcp("", 8080, "10.88.0.2"))
	for to, from := range map[string]namespace{hostOutside4 + ":8080": w.outside.namespace, "127.0.0.1:8080": w.host, net2gw4 + ":8080": c.namespace} {
		if got := ask(t, from, to); got != "a to "+net1gw4 {
			t.Errorf("%s: got %q", to, got)
		}
	}
	udp := tcp("", 5300, "10.88.0.2")
	udp.Protocol, udp.Port = hostapi.ProtocolUDP, 53
	w.forward("dns", udp)
	socket := a.listenUDP(t, "10.88.0.2:53")
	b.send(t, net1gw4+":5300", "hello")
	b.ping(t, net1gw4)
	w.host.ping(t, "10.88.0.2")
	if got := received(t, socket); len(got) > 0 {
		t.Errorf("reached: %v", got)
	}
}

// Taken ports are told apart, ports are held, and survive a restart.
func TestForwardPorts(t *testing.T) {
	w := newWorld(t)
	w.network("one", open1)
	a := w.guest("one", 2)
	serve(t, a.namespace, "10.88.0.2:80", "a")
	serve(t, w.host, "127.0.0.1:7000", "host")
	_, err := w.PutForward("x", tcp("", 7000, "10.88.0.2"))
	wantCode(t, err, "port_taken", "a program of the host has tcp port 7000")
	f := w.forward("web", tcp("", 0, "10.88.0.2"))
	if f.HostPort == 0 || f.Spec.HostPort != 0 {
		t.Fatalf("%+v", f)
	}
	_, err = w.PutForward("y", tcp(hostOutside4, f.HostPort, "10.88.0.2"))
	wantCode(t, err, "port_taken", `forward "web"`)
	_, err = w.PutForward("y", tcp("::1", 8080, "fd00:88::2"))
	wantCode(t, err, "host_address_unavailable", "127.0.0.1")
	_, err = w.PutForward("y", tcp("192.0.2.77", 8080, "10.88.0.2"))
	wantCode(t, err, "host_address_unavailable", "192.0.2.77")
	at := fmt.Sprintf("127.0.0.1:%d", f.HostPort)
	for range 2 {
		if got := ask(t, w.host, at); got != "a to "+net1gw4 {
			t.Errorf("got %q", got)
		}
		if l, err := net.Listen("tcp", at); err == nil {
			_ = l.Close()
			t.Error("a program could take the port")
		}
		if again := w.forward("web", tcp("", 0, "10.88.0.2")); again.HostPort != f.HostPort {
			t.Errorf("port %d became %d", f.HostPort, again.HostPort)
		}
		w.restart()
	}
	if err := w.DeleteForward("web"); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatalf("the port is still held: %v", err)
	}
	_ = l.Close()
}

// A connection through a forward that is removed does not outlive it.
func TestForwardIsForgotten(t *testing.T) {
	w := newWorld(t)
	w.network("one", open1)
	a := w.guest("one", 2)
	spec := tcp("", 5300, "10.88.0.2")
	spec.Protocol, spec.Port = hostapi.ProtocolUDP, 53
	w.forward("dns", spec)
	socket := a.listenUDP(t, "10.88.0.2:53")
	var client net.Conn
	w.outside.do(t, func() (err error) { client, err = net.Dial("udp", hostOutside4+":5300"); return err })
	defer func() { _ = client.Close() }()
	say := func(text string) {
		// The first may only tell that an earlier one was refused.
		if _, err := client.Write([]byte(text)); err != nil {
			if _, err := client.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		w.outside.ping(t, hostOutside4)
		w.host.ping(t, "10.88.0.2")
	}
	say("one")
	if err := w.DeleteForward("dns"); err != nil {
		t.Fatal(err)
	}
	_, _ = client.Write([]byte("two")) // refused, perhaps
	w.outside.ping(t, hostOutside4)
	w.host.ping(t, "10.88.0.2")
	w.forward("dns", spec)
	say("three")
	if got := received(t, socket); len(got) != 2 {
		t.Errorf("got %v", got)
	}
}
