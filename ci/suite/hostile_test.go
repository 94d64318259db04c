package suite

import (
	"strconv"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/ci/harness"
)

// listens prints the datagrams that come to port 5300, and how many have come
// when one asks for that.
const listens = `
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
s.bind(("::", 5300))
n = 0
print("listening", flush=True)
while True:
    text = s.recv(2000).decode()
    if text.startswith("fill"):
        n += 1
        continue
    print(text, n, flush=True)
    n = 0
`

// says sends a datagram to an address, n of them to fill a second one.
const says = `
import socket, sys, time
to, text, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
s = socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET, socket.SOCK_DGRAM)
for i in range(n):
    s.sendto(b"fill" + bytes(1396), (to, 5300))
    time.sleep(0.002)
s.sendto(text.encode(), (to, 5300))
`

// lies sends a frame past the guest's kernel, with addresses as given.
const lies = `
import socket, struct, sys
def mac(text): return bytes.fromhex(text.replace(":", ""))
def total(data):
    data += b"\0" * (len(data) % 2)
    n = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while n >> 16: n = (n & 0xffff) + (n >> 16)
    return ~n & 0xffff
to_mac, to, from_mac, source, text = sys.argv[1:]
data = text.encode()
udp = struct.pack("!4H", 5353, 5300, 8 + len(data), 0) + data
head = struct.pack("!2B3H2BH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(to))
head = head[:10] + struct.pack("!H", total(head)) + head[12:]
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
s.send(mac(to_mac) + mac(from_mac) + b"\x08\x00" + head + udp)
`

// interfaceOf returns the first interface of a container: its MAC, address and
// gateway.
func interfaceOf(t *testing.T, s *harness.Stack, name string) (mac, address, gateway string) {
	t.Helper()
	words := strings.Fields(shown(t, s, name, `{{with index .interfaces 0}}{{.mac}} {{index .addresses 0}} {{index .gateways 0}}{{end}}`))
	if len(words) != 3 {
		t.Fatalf("the interface of %s is %q", name, words)
	}
	address, _, _ = strings.Cut(words[1], "/")
	return words[0], address, words[2]
}

// listener starts a container on a network that prints what it hears.
func listener(t *testing.T, s *harness.Stack, name, network string) {
	t.Helper()
	run(t, s, 0, "run", "-d", "--name", name, "--network", network, "demo/python", "python3", "-c", listens)
	eventually(t, "the listener", func() bool { return strings.Contains(heard(t, s, name), "listening") })
}

// heard is what a listener has printed.
func heard(t *testing.T, s *harness.Stack, name string) string {
	t.Helper()
	out, _ := run(t, s, 0, "logs", name)
	return out
}

// A program that owns its guest, and says what it likes on the wire, is heard
// under its own name alone, and only on its own network.
func TestHostileGuest(t *testing.T) {
	t.Parallel()
	s := networked(t)
	load(t, s, "python")
	for _, name := range []string{"yard", "elsewhere"} {
		run(t, s, 0, "network", "create", name)
	}
	listener(t, s, "victim", "yard")
	listener(t, s, "stranger", "elsewhere")
	for _, name := range []string{"other", "hostile"} {
		run(t, s, 0, "run", "-d", "--name", name, "--network", "yard", "--cap-add", "NET_RAW", "--cap-add", "NET_ADMIN", "demo/python", "sleep", "1000")
	}
	toMAC, to, gateway := interfaceOf(t, s, "victim")
	mac, address, _ := interfaceOf(t, s, "hostile")
	otherMAC, other, _ := interfaceOf(t, s, "other")
	_, far, farGateway := interfaceOf(t, s, "stranger")

	send := func(toMAC, to, mac, source, text string) {
		t.Helper()
		run(t, s, 0, "exec", "hostile", "python3", "-c", lies, toMAC, to, mac, source, text)
	}
	send(toMAC, to, mac, address, "honest")
	send(toMAC, to, otherMAC, address, "spoofed MAC")
	send(toMAC, to, mac, other, "spoofed address")
	send(toMAC, to, otherMAC, other, "spoofed both")
	send(toMAC, to, mac, gateway, "spoofed gateway")
	send(toMAC, to, mac, "127.0.0.1", "spoofed loopback")
	send(toMAC, far, mac, address, "spoofed network")
	run(t, s, 0, "exec", "hostile", "python3", "-c", says, to, "last", "0")
	eventually(t, "the last word", func() bool { return strings.Contains(heard(t, s, "victim"), "last") })
	if got := heard(t, s, "victim"); !strings.Contains(got, "honest") || strings.Contains(got, "spoofed") {
		t.Errorf("the victim has heard %q", got)
	}

	// Another network is not reached by way of the gateway either, nor is the
	// gateway's own machine.
	run(t, s, 0, "exec", "hostile", "python3", "-c", says, far, "from another network", "0")
	for _, where := range []string{far, farGateway, gateway} {
		for _, port := range []string{"22", "53", "80"} {
			if _, _, code := finish(t, cardctl(t, s, append([]string{"exec", "hostile", "timeout", "2"}, fetch(where, port)[2:]...)...)); code == 0 {
				t.Errorf("%s:%s is reached", where, port)
			}
		}
	}
	run(t, s, 0, "run", "--rm", "--network", "elsewhere", "demo/python", "python3", "-c", says, far, "last", "0")
	eventually(t, "the last word", func() bool { return strings.Contains(heard(t, s, "stranger"), "last") })
	if got := heard(t, s, "stranger"); strings.Contains(got, "another") || strings.Contains(got, "spoofed") {
		t.Errorf("the stranger has heard %q", got)
	}
}

// Containers of an isolated network do not hear each other; what is beyond a
// container's limit is not heard.
func TestIsolatedAndLimited(t *testing.T) {
	t.Parallel()
	s := networked(t)
	load(t, s, "python")
	run(t, s, 0, "network", "create", "--isolated", "cells")
	run(t, s, 0, "network", "create", "--ipv6", "yard")
	listener(t, s, "cell", "cells")
	listener(t, s, "ear", "yard")
	_, cell, _ := interfaceOf(t, s, "cell")
	_, ear, _ := interfaceOf(t, s, "ear")
	run(t, s, 0, "run", "--rm", "--network", "cells", "demo/python", "python3", "-c", says, cell, "hello", "0")

	const sent, passes = "500", 186 // 256 KiB of burst
	run(t, s, 0, "run", "--rm", "--network", "yard,tx=1k", "demo/python", "python3", "-c", says, ear, "lost", sent)
	run(t, s, 0, "run", "--rm", "--network", "yard", "demo/python", "python3", "-c", says, ear, "limited", "0")
	run(t, s, 0, "run", "--rm", "--network", "yard", "demo/python", "python3", "-c", says, ear, "free", sent)
	limited, free := -1, -1
	eventually(t, "both counts", func() bool {
		limited, free = counted(heard(t, s, "ear"), "limited"), counted(heard(t, s, "ear"), "free")
		return limited >= 0 && free >= 0
	})
	if limited > passes+20 || free < 2*passes {
		t.Errorf("%d of %s have come through the limit, %d without one", limited, sent, free)
	}

	six := strings.Fields(shown(t, s, "ear", `{{range (index .interfaces 0).addresses}}{{.}} {{end}}`))
	if len(six) != 2 || !strings.Contains(six[1], ":") {
		t.Fatalf("addresses %q", six)
	}
	address, _, _ := strings.Cut(six[1], "/")
	run(t, s, 0, "run", "--rm", "--network", "yard", "demo/python", "python3", "-c", says, address, "by IPv6", "0")
	eventually(t, "a datagram by IPv6", func() bool { return strings.Contains(heard(t, s, "ear"), "by IPv6") })
	if got := heard(t, s, "cell"); strings.Contains(got, "hello") {
		t.Errorf("the cell has heard %q", got)
	}
}

// counted returns the number after a word that a listener has printed, or -1.
func counted(text, word string) int {
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) == 2 && words[0] == word {
			n, _ := strconv.Atoi(words[1])
			return n
		}
	}
	return -1
}

// A published UDP port leads to a program whose machine was started from a
// template, and the answer back.
func TestPublishedUDP(t *testing.T) {
	t.Parallel()
	cfg := harness.DefaultConfig()
	cfg.CardArgs = append(cfg.CardArgs, "--templates", "1")
	s := networkedBy(t, cfg)
	load(t, s, "python")
	const echoes = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 7))
while True:
    data, who = s.recvfrom(2000)
    s.sendto(data.upper(), who)
`
	must(t, s.AwaitTemplates(patient(t), 1))
	run(t, s, 0, "run", "-d", "--name", "echo", "-p", "127.0.0.1:7007:7/udp", "demo/python", "python3", "-c", echoes)
	eventually(t, "an answer", func() bool {
		out, err := s.OnHost(`bash -c 'exec 3<>/dev/udp/127.0.0.1/7007; echo hello >&3; timeout 1 head -n 1 <&3'`)
		return err == nil && strings.TrimSpace(out) == "HELLO"
	})
}
