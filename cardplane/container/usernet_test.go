package container_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/usernet/usernettest"
	"github.com/cardplane/cardplane/guest-agent/agenttest"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

// userWorld is a world whose host has no networks.
func userWorld(t *testing.T) *world {
	w := newWorld(t, "")
	w.net.lack, w.user = "vmmd runs without CAP_NET_ADMIN", true
	return w
}

// inGuest is the n-th machine's TCP/IP, on the interface that a container has.
func (w *world) inGuest(n int, i cardplane.Interface) *usernettest.Guest {
	w.t.Helper()
	mac, err := net.ParseMAC(i.MAC)
	must(w.t, mac, err)
	g := usernettest.New(w.t, mac, netip.MustParsePrefix(i.Addresses[0]), netip.MustParseAddr(i.Gateways[0]), i.MTU)
	tap := w.awaitTap(n, i.Name)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{}, 2)
	go func() {
		defer func() { done <- struct{}{} }()
		for f := g.Send(ctx); f != nil; f = g.Send(ctx) {
			tap.Send(f)
		}
	}()
	go func() {
		defer func() { done <- struct{}{} }()
		for f := tap.Receive(ctx); f != nil; f = tap.Receive(ctx) {
			g.Receive(f)
		}
	}()
	w.t.Cleanup(func() {
		cancel()
		<-done
		<-done
	})
	return g
}

// awaitTap waits until the n-th machine has an interface.
func (w *world) awaitTap(n int, name string) *agenttest.Tap {
	w.t.Helper()
	for {
		if tap := w.agent(n).Tap(name); tap != nil {
			return tap
		}
		select {
		case <-time.After(time.Millisecond):
		case <-w.ctx.Done():
			w.t.Fatalf("machine %d has no %s", n, name)
		}
	}
}

// greets says text to all who connect.
func greets(t *testing.T, l net.Listener, err error, text string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
}

// wantGreeting reads what is said on a connection.
func wantGreeting(t *testing.T, conn net.Conn, err error, want string) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s is not reached: %v", want, err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if got, err := io.ReadAll(conn); err != nil || string(got) != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

// Where the host has no networks they run on the card: containers reach each
// other and the outside, ports are published, and a restart of the card keeps
// all of it.
func TestUserMode(t *testing.T) {
	w := userWorld(t)
	outside, err := net.Listen("tcp", "127.0.0.1:0")
	greets(t, outside, err, "outside")
	w.dial = func(ctx context.Context, network string, _ netip.AddrPort) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, outside.Addr().String())
	}
	p := w.open(nil)
	web := p.run("sleep 1000", named("web"), published)
	app := p.run("sleep 1000", named("app"))
	if i := web.Interfaces; len(i) != 1 || i[0].Mode != cardplane.UserMode || web.NetworkReason == "" || len(web.Ports) != 1 || web.Ports[0].HostPort == 0 {
		t.Fatalf("%+v, %+v, %q", i, web.Ports, web.NetworkReason)
	}
	w.awaitName(1, "web", addressOf(web, 0))
	in := w.inGuest(0, web.Interfaces[0])
	at := netip.AddrPortFrom(netip.MustParseAddr(addressOf(web, 0)), uint16(web.Ports[0].ContainerPort))
	l, err := in.Listen(at)
	greets(t, l, err, "web")
	other := w.inGuest(1, app.Interfaces[0])
	everywhere := func() {
		t.Helper()
		conn, err := other.Dial(w.ctx, at)
		wantGreeting(t, conn, err, "web")
		conn, err = other.Dial(w.ctx, netip.MustParseAddrPort("192.0.2.7:80"))
		wantGreeting(t, conn, err, "outside")
		out, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", web.Ports[0].HostPort))
		wantGreeting(t, out, err, "web")
	}
	everywhere()
	p.close()
	p = w.open(nil)
	for {
		again, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", web.Ports[0].HostPort))
		if err == nil {
			_ = again.Close()
			break
		}
		select {
		case <-time.After(time.Millisecond):
		case <-w.ctx.Done():
			t.Fatal(err)
		}
	}
	everywhere()
	taken := p.create("true", func(spec *cardplane.ContainerSpec) {
		spec.Ports = []cardplane.Port{{HostAddress: "127.0.0.1", HostPort: web.Ports[0].HostPort, ContainerPort: 80}}
	})
	if _, err := p.Start(w.ctx, taken.ID); apierr.From(err).Code != "port_taken" || apierr.From(err).Field != "/ports/0" {
		t.Errorf("a taken port: %v", err)
	}
	for _, id := range []string{web.ID, app.ID} {
		if err := p.Remove(w.ctx, id, true, ""); err != nil {
			t.Fatal(err)
		}
	}
	if conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", web.Ports[0].HostPort)); err == nil {
		_ = conn.Close()
		t.Error("the port is still published")
	}
	w.wantClean(p, 0)
}

// A container is put on a network in user mode while it runs, and taken off; a
// network that is in use stays in its mode.
func TestUserModeConnect(t *testing.T) {
	w := userWorld(t)
	p := w.open(nil)
	for _, name := range []string{"front", "back"} {
		if _, err := p.Networks().Create(w.ctx, cardplane.NetworkSpec{Name: name, Internal: true}, ""); err != nil {
			t.Fatal(err)
		}
	}
	db := p.run("sleep 1000", named("db"), onNetwork("back"))
	web := p.run("sleep 1000", named("web"), onNetwork("front"))
	w.net.lack = "" // from now on the host can
	p.close()
	p = w.open(nil)
	got, err := p.Connect(w.ctx, web.ID, cardplane.NIC{Network: "back"})
	if err != nil || len(got.Interfaces) != 2 || got.Interfaces[1].Mode != cardplane.UserMode {
		t.Fatalf("%+v, %v", got.Interfaces, err)
	}
	in := w.inGuest(0, db.Interfaces[0])
	at := netip.AddrPortFrom(netip.MustParseAddr(addressOf(db, 0)), 80)
	l, err := in.Listen(at)
	greets(t, l, err, "db")
	conn, err := w.inGuest(1, got.Interfaces[1]).Dial(w.ctx, at)
	wantGreeting(t, conn, err, "db")
	tap := w.awaitTap(1, "eth1")
	if _, err := p.Disconnect(w.ctx, web.ID, "back"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-tap.Closed():
	case <-w.ctx.Done():
		t.Error("the guest keeps the interface")
	}
	if users, err := p.store.Addresses(got.Interfaces[1].NetworkID); err != nil || len(users) != 1 {
		t.Errorf("addresses %v, %v", users, err)
	}
	third := p.run("sleep 1000", named("third"))
	if i := third.Interfaces; len(i) != 1 || i[0].Mode != cardplane.HostMode {
		t.Errorf("on another network: %+v", i)
	}
	for _, id := range []string{db.ID, web.ID, third.ID} {
		if err := p.Remove(w.ctx, id, true, ""); err != nil {
			t.Fatal(err)
		}
	}
	w.wantClean(p, 0)
}

// The containers of a sandbox share its interface in user mode, too, until the
// last has ended.
func TestUserModeSandbox(t *testing.T) {
	w := userWorld(t)
	p := w.open(nil)
	p.servingSandbox(0)
	a := p.run("sleep 1000", inPod, named("a"))
	pod, err := p.Sandboxes().Get(w.ctx, "pod")
	if must(t, pod, err); len(pod.Interfaces) != 1 || pod.Interfaces[0].Mode != cardplane.UserMode || len(pod.Published) != 1 {
		t.Fatalf("interfaces %+v, ports %+v", pod.Interfaces, pod.Published)
	}
	port := pod.Published[0]
	l, err := w.inGuest(0, pod.Interfaces[0]).Listen(netip.AddrPortFrom(netip.MustParsePrefix(pod.Interfaces[0].Addresses[0]).Addr(), uint16(port.ContainerPort)))
	greets(t, l, err, "pod")
	for range 2 {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port.HostPort))
		wantGreeting(t, conn, err, "pod")
		b := p.run("true", inPod) // comes and goes
		p.end(b.ID)
		if err := p.Remove(w.ctx, b.ID, false, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Remove(w.ctx, a.ID, true, ""); err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port.HostPort)); err == nil {
		_ = conn.Close()
		t.Error("the port is still published")
	}
	w.wantClean(p, 0)
}

// Doctor and the versions say in which mode networks are.
func TestUserModeIsTold(t *testing.T) {
	w := userWorld(t)
	p := w.open(nil)
	v, err := p.system().VersionInfo(w.ctx)
	if err != nil || v.Host.Networks != cardplane.UserMode {
		t.Errorf("%+v, %v", v.Host, err)
	}
	checks, err := p.system().Doctor(w.ctx)
	must(t, cardplane.Container{}, err)
	for _, c := range checks {
		if c.Name == "networks" && c.Status != cardplane.CheckWarn {
			t.Errorf("%+v", c)
		}
	}
}

// Where no wire bounds frames they are large, unless the network says otherwise,
// and never larger than a stream carries.
func TestUserModeMTU(t *testing.T) {
	w := userWorld(t)
	p := w.open(nil)
	for asked, want := range map[int]int{0: cardplane.UserMTU, 1400: 1400, cardplane.MaxMTU: guestwire.MaxStreamMTU} {
		n, err := p.Networks().Create(w.ctx, cardplane.NetworkSpec{MTU: asked}, "")
		if err != nil {
			t.Fatal(err)
		}
		c := p.run("sleep 1000", onNetwork(n.Name))
		if got := c.Interfaces[0].MTU; got != want {
			t.Errorf("asked for %d, got %d", asked, got)
		}
	}
}
