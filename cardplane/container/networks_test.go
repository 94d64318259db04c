package container_test

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/guest-agent/agenttest"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// agent returns the agent of the n-th machine.
func (w *world) agent(n int) *agenttest.Agent {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.agents[n]
}

// lookup asks the n-th machine's resolver for a name.
func (w *world) lookup(n int, name string) (addrs []string, code dnsmessage.RCode) {
	w.t.Helper()
	m := dnsmessage.Message{Questions: []dnsmessage.Question{{
		Name: dnsmessage.MustNewName(name + "."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET,
	}}}
	query, err := m.Pack()
	must(w.t, query, err)
	if err := m.Unpack(w.agent(n).Network.Answer(w.ctx, query)); err != nil {
		w.t.Fatal(err)
	}
	for _, a := range m.Answers {
		if body, ok := a.Body.(*dnsmessage.AResource); ok {
			addrs = append(addrs, netip.AddrFrom4(body.A).String())
		}
	}
	return addrs, m.RCode
}

// awaitName waits until the n-th machine knows a name by addr; "" is not at all.
func (w *world) awaitName(n int, name, addr string) {
	w.t.Helper()
	for {
		got, _ := w.lookup(n, name)
		if addr == "" && len(got) == 0 || slices.Equal(got, []string{addr}) {
			return
		}
		select {
		case <-time.After(time.Millisecond):
		case <-w.ctx.Done():
			w.t.Fatalf("%s is %v in machine %d, want %q", name, got, n, addr)
		}
	}
}

func addressOf(c cardplane.Container, n int) string {
	return netip.MustParsePrefix(c.Interfaces[n].Addresses[0]).Addr().String()
}

func onNetwork(name string, aliases ...string) func(*cardplane.ContainerSpec) {
	return func(spec *cardplane.ContainerSpec) {
		spec.Networks = append(spec.Networks, cardplane.NIC{Network: name, Aliases: aliases})
	}
}

// Who names no network is on the default one, beside what the host uses itself,
// and is found there by name.
func TestDefaultNetwork(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	one := p.run("sleep 1000", named("one"), published)
	if i := one.Interfaces; len(i) != 1 || i[0].Network != cardplane.DefaultNetwork || addressOf(one, 0) != "10.88.1.2" || i[0].Gateways[0] != "10.88.1.1" {
		t.Errorf("interfaces %+v", i)
	}
	if len(one.Ports) != 1 || one.Ports[0].HostPort == 0 || one.Ports[0].Protocol != cardplane.TCP {
		t.Errorf("ports %+v", one.Ports)
	}
	told := w.agent(0).Interfaces()
	if len(told) != 1 || told[0].Mac != one.Interfaces[0].MAC || len(told[0].Routes) != 1 {
		t.Errorf("the guest was told %+v", told)
	}
	two := p.run("sleep 1000", named("two"))
	w.awaitName(0, "two", addressOf(two, 0))
	w.awaitName(1, "one.default", addressOf(one, 0))
	w.awaitName(1, one.ID[:12], addressOf(one, 0))
	if _, err := p.Rename(w.ctx, two.ID, "three", ""); err != nil {
		t.Fatal(err)
	}
	w.awaitName(0, "three", addressOf(two, 0))
	w.awaitName(0, "two", "")
	if err := p.Remove(w.ctx, two.ID, true, ""); err != nil {
		t.Fatal(err)
	}
	w.awaitName(0, "three", "")
	if err := p.Networks().Remove(w.ctx, cardplane.DefaultNetwork); !apierr.Is(err, "network_in_use") {
		t.Errorf("removed while a container runs on it: %v", err)
	}
	if err := p.Remove(w.ctx, one.ID, true, ""); err != nil {
		t.Fatal(err)
	}
	w.wantClean(p, 0)
	if err := p.Networks().Remove(w.ctx, cardplane.DefaultNetwork); err != nil {
		t.Error(err)
	}
}

func named(name string) func(*cardplane.ContainerSpec) {
	return func(spec *cardplane.ContainerSpec) { spec.Name = name }
}

// Where the host has no networks, who asked for none has none and is told why.
func TestHostWithoutNetworks(t *testing.T) {
	w := newWorld(t, "")
	w.net.lack = "there is no tun device"
	p := w.open(nil)
	c := p.run("true")
	if len(c.Interfaces) != 0 || c.NetworkReason == "" {
		t.Errorf("%+v, %q", c.Interfaces, c.NetworkReason)
	}
	p.end(c.ID)
	if _, err := p.Networks().Create(w.ctx, cardplane.NetworkSpec{Name: "back"}, ""); !apierr.Is(err, "network_unavailable") {
		t.Errorf("create: %v", err)
	}
	wish := p.create("true", published)
	if _, err := p.Start(w.ctx, wish.ID); !apierr.Is(err, "network_unavailable") {
		t.Errorf("start with a port: %v", err)
	}
	w.wantClean(p, 1)
}

func TestNoNetwork(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("true", func(spec *cardplane.ContainerSpec) { spec.Networks = []cardplane.NIC{} })
	p.end(c.ID)
	if len(c.Interfaces) != 0 || c.NetworkReason != "" {
		t.Errorf("%+v, %q", c.Interfaces, c.NetworkReason)
	}
	if all, err := p.Networks().List(w.ctx, cardplane.NetworkFilter{}); err != nil || len(all) != 0 {
		t.Errorf("networks %v, %v", all, err)
	}
}

// A start whose port is taken fails, and leaves nothing.
func TestTakenPort(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	at := func(spec *cardplane.ContainerSpec) {
		spec.Ports = []cardplane.Port{{HostPort: 8080, ContainerPort: 80}}
	}
	first := p.run("sleep 1000", at)
	second := p.create("true", at)
	_, err := p.Start(w.ctx, second.ID)
	if e := apierr.From(err); e.Code != "port_taken" || e.Field != "/ports/0" {
		t.Errorf("%+v", e)
	}
	if err := p.Remove(w.ctx, second.ID, true, ""); err != nil {
		t.Error(err)
	}
	if err := p.Remove(w.ctx, first.ID, true, ""); err != nil {
		t.Error(err)
	}
	w.wantClean(p, 0)
}

// What a host has lost of networks it is told again, by the next control plane
// as well.
func TestNetworksAreToldAgain(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("sleep 1000", published, named("web"))
	p.close()
	w.net.lose()
	p = w.open(nil)
	for {
		networks, forwards, _ := w.net.left()
		if networks == 1 && forwards == 1 {
			break
		}
		select {
		case <-time.After(time.Millisecond):
		case <-w.ctx.Done():
			t.Fatal("the host was not told again")
		}
	}
	w.awaitName(0, "web", addressOf(c, 0))
	if err := p.Remove(w.ctx, c.ID, true, ""); err != nil {
		t.Fatal(err)
	}
	w.wantClean(p, 0)
}

func TestConnectWhileRunning(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	for _, name := range []string{"front", "back"} {
		if _, err := p.Networks().Create(w.ctx, cardplane.NetworkSpec{Name: name, Internal: name == "back"}, ""); err != nil {
			t.Fatal(err)
		}
	}
	db := p.run("sleep 1000", named("db"), onNetwork("back", "store"))
	web := p.run("sleep 1000", named("web"), onNetwork("front"))
	if _, code := w.lookup(1, "store"); code == dnsmessage.RCodeSuccess {
		t.Error("a name of another network is known")
	}
	if _, code := w.lookup(0, "example.com"); code != dnsmessage.RCodeNameError {
		t.Errorf("a name from outside within an internal network: %v", code)
	}
	got, err := p.Connect(w.ctx, web.ID, cardplane.NIC{Network: "back"})
	if err != nil || len(got.Interfaces) != 2 || got.Interfaces[1].Name != "eth1" {
		t.Fatalf("%+v, %v", got.Interfaces, err)
	}
	w.awaitName(1, "store", addressOf(db, 0))
	w.awaitName(0, "web", addressOf(got, 1))
	if told := w.agent(1).Interfaces(); len(told) != 2 || len(told[1].Routes) != 0 {
		t.Errorf("the guest was told %+v", told)
	}
	if got, err = p.Disconnect(w.ctx, web.ID, "back"); err != nil || len(got.Interfaces) != 1 || len(got.Spec.Networks) != 1 {
		t.Fatalf("%+v, %v", got.Interfaces, err)
	}
	w.awaitName(0, "web", "")
	if err := p.Remove(w.ctx, db.ID, true, ""); err != nil {
		t.Fatal(err)
	}
	if err := p.Networks().Remove(w.ctx, "back"); err != nil {
		t.Errorf("the address of a container that was taken off is not given back: %v", err)
	}
	if err := p.Remove(w.ctx, web.ID, true, ""); err != nil {
		t.Fatal(err)
	}
	w.wantClean(p, 0)
}

// What the names of no network are is asked for on the card.
func TestNamesFromOutside(t *testing.T) {
	w := newWorld(t, "")
	w.names = answerer{}
	p := w.open(nil)
	p.run("sleep 1000")
	for {
		if _, code := w.lookup(0, "example.com"); code == dnsmessage.RCodeRefused {
			return
		}
		select {
		case <-time.After(time.Millisecond):
		case <-w.ctx.Done():
			t.Fatal("the card was not asked")
		}
	}
}

// answerer refuses all questions.
type answerer struct{}

func (answerer) Answer(_ context.Context, query []byte) []byte {
	answer := slices.Clone(query)
	answer[2], answer[3] = 1<<7, byte(dnsmessage.RCodeRefused)
	return answer
}
