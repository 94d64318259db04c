package network_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/network"
	"github.com/cardplane/cardplane/vmm/host/internal/network/links"
)

// Addresses that the host or another network has are refused, by name.
func TestOverlap(t *testing.T) {
	w := newWorld(t)
	w.network("one", open1)
	w.outsideRoute("198.51.100.0/24")
	for prefix, by := range map[string]string{
		"192.0.2.129/25": "the address 192.0.2.1 of up0", "198.51.100.1/28": "a route through up0", "198.51.0.1/16": "a route through up0",
		"10.88.0.129/25": "network one", "2001:db8::5/64": "the address 2001:db8::1 of up0",
	} {
		_, err := w.Put("two", hostapi.NetworkSpec{Addresses: []string{prefix}, Outbound: hostapi.OutboundNone})
		wantCode(t, err, "address_overlap", by)
	}
	list, err := w.List()
	if err != nil {
		t.Fatal(err)
	}
	var used []string
	for _, u := range list.UsedPrefixes {
		used = append(used, u.Prefix)
	}
	if got := strings.Join(used, " "); got != "192.0.2.0/24 198.51.100.0/24 2001:db8::/64" {
		t.Errorf("used: %s", got)
	}
}

func (w *world) outsideRoute(to string) {
	w.Helper()
	link, err := netlink.LinkByName("up0")
	if err != nil {
		w.Fatal(err)
	}
	dst, err := netlink.ParseIPNet(to)
	if err == nil {
		err = netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: dst, Scope: netlink.SCOPE_LINK})
	}
	if err != nil {
		w.Fatal(err)
	}
}

// Each thing that cannot be made is refused with its reason, and leaves nothing.
func TestRefused(t *testing.T) {
	w := newWorld(t)
	w.network("one", open1)
	other := open1
	other.Isolated = true
	_, err := w.Put("one", other)
	wantCode(t, err, "network_exists", "another specification")
	nic := w.plug("one", 2)
	again := nic.Spec
	again.Mac = mac(9).String()
	for code, spec := range map[string]hostapi.NICSpec{
		"nic_exists":              again,
		"network_not_found":       {Network: "none", Mac: mac(3).String()},
		"address_outside_network": {Network: "one", Mac: mac(3).String(), Addresses: []string{"10.99.0.3"}},
		"address_taken":           {Network: "one", Mac: mac(3).String(), Addresses: []string{"10.88.0.2"}},
		"invalid_nic":             {Network: "one", Mac: "01:00:5e:00:00:01"},
	} {
		name := "eth1"
		if code == "nic_exists" {
			name = "eth0"
		}
		_, err := w.PlugOne(vmName("one", 2), 0, hostapi.NamedNIC{Name: name, Spec: spec})
		wantCode(t, err, code, "")
	}
	_, err = w.PlugOne("x", 0, hostapi.NamedNIC{Name: "eth0", Spec: hostapi.NICSpec{Network: "one", Mac: gateway(w, "one").String()}})
	wantCode(t, err, "address_taken", "network \"one\"'s own")
	_, err = w.PlugOne("x", 0, hostapi.NamedNIC{Name: "eth0", Spec: hostapi.NICSpec{Network: "one", Mac: mac(3).String(), Addresses: []string{net1gw4}}})
	wantCode(t, err, "address_taken", "network \"one\"'s own")
	wantCode(t, w.Delete("one"), "network_in_use", `VM "one-2"`)
	if n := len(w.NICs(vmName("one", 2))); n != 1 {
		t.Errorf("%d interfaces", n)
	}
}

// What cannot be made leaves nothing, whichever step of it fails.
func TestFailuresLeaveNothing(t *testing.T) {
	for _, at := range []string{network.OpRecord, network.OpLinks, network.OpRules} {
		t.Run(at, func(t *testing.T) {
			w := newWorld(t)
			broken := errors.New("broken")
			once := at
			w.config.Step = func(op string) error {
				if op == once {
					once = ""
					return broken
				}
				return nil
			}
			once = ""
			w.restart()
			once = at
			if _, err := w.Put("one", open1); !errors.Is(err, broken) {
				t.Fatalf("got %v", err)
			}
			w.wantNothing()
			w.network("one", open1)
			once = at
			if _, err := w.PlugOne("x", 0, hostapi.NamedNIC{Name: "eth0", Spec: hostapi.NICSpec{Network: "one", Mac: mac(3).String()}}); !errors.Is(err, broken) {
				t.Fatalf("got %v", err)
			}
			if len(w.NICs("x")) > 0 {
				t.Error("an interface is left")
			}
			if at == network.OpLinks {
				return // forwards have none
			}
			once = at
			if _, err := w.PutForward("web", tcp("", 0, "10.88.0.2")); !errors.Is(err, broken) {
				t.Fatalf("got %v", err)
			}
			if len(w.Forwards()) > 0 {
				t.Error("a forward is left")
			}
		})
	}
}

// A manager that is started again mends what is missing or otherwise, removes
// what bears its names and is in no record, and touches nothing else.
func TestReconcile(t *testing.T) {
	w := newWorld(t)
	w.network("one", open1)
	a, b := w.guest("one", 2), w.guest("one", 3)
	n, err := w.Get("one")
	if err != nil {
		t.Fatal(err)
	}
	conn := &nftables.Conn{}
	users := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "users"})
	stray := netlink.NewLinkAttrs()
	stray.Name = strings.TrimSuffix(n.Interface, "b1") + "t77"
	foreign := netlink.NewLinkAttrs()
	foreign.Name = "cpu0"
	bridge, err := netlink.LinkByName(n.Interface)
	if err != nil {
		t.Fatal(err)
	}
	extra, _ := netlink.ParseAddr("10.77.0.1/24")
	err = errors.Join(
		conn.Flush(), netlink.LinkAdd(&netlink.Bridge{LinkAttrs: stray}), netlink.LinkAdd(&netlink.Bridge{LinkAttrs: foreign}),
		netlink.AddrAdd(bridge, extra), netlink.LinkSetDown(bridge),
	)
	for _, table := range ours(t) {
		conn.DelTable(table)
	}
	if err := errors.Join(err, conn.Flush()); err != nil {
		t.Fatal(err)
	}
	w.restart()
	a.ping(t, "10.88.0.3")
	b.ping(t, net1gw4)
	if len(ours(t)) != 2 {
		t.Error("the tables are not there again")
	}
	if _, err := netlink.LinkByName(stray.Name); err == nil {
		t.Error("a stray link is left")
	}
	if addresses, err := netlink.AddrList(bridge, netlink.FAMILY_V4); err != nil || len(addresses) != 1 {
		t.Errorf("addresses %v, %v", addresses, err)
	}
	link, err := netlink.LinkByName(foreign.Name)
	if err != nil {
		t.Fatalf("another's link is gone: %v", err)
	}
	if tables, err := conn.ListTablesOfFamily(nftables.TableFamilyINet); err != nil || len(tables) != 2 {
		t.Errorf("tables %v, %v", tables, err)
	}
	conn.DelTable(users)
	if err := errors.Join(conn.Flush(), netlink.LinkDel(link)); err != nil {
		t.Fatal(err)
	}
}

func ours(t *testing.T) []*nftables.Table {
	t.Helper()
	all, err := (&nftables.Conn{}).ListTables()
	if err != nil {
		t.Fatal(err)
	}
	var mine []*nftables.Table
	for _, table := range all {
		if strings.HasPrefix(table.Name, "cardplane_") {
			mine = append(mine, table)
		}
	}
	return mine
}

// forwards tells whether a link of the host passes packets on.
func forwards(t *testing.T, link string) bool {
	t.Helper()
	value, err := links.Setting{Family: links.IPv4, Interface: link, Name: "forwarding"}.Get()
	if err != nil {
		t.Fatal(err)
	}
	return value == "1"
}

// Several daemons of one host do not meet: each has networks of its own, and
// what they share stays open until the last has none.
func TestTwoDaemons(t *testing.T) {
	w := newWorld(t)
	second, err := network.Open(network.Config{Dir: filepath.Join(t.TempDir(), "net"), Log: w.config.Log})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	w.network("one", open1)
	if _, err := second.Put("two", open2); err != nil {
		t.Fatal(err)
	}
	w.restart()
	a := w.guest("one", 2)
	nic, err := second.PlugOne("x", 0, hostapi.NamedNIC{Name: "eth0", Spec: hostapi.NICSpec{Network: "two", Mac: mac(2).String(), Addresses: ips("two", 2)}})
	if err != nil {
		t.Fatal(err)
	}
	b := boot(t, nic, []string{"10.89.0.2/24"}, net2gw4)
	serve(t, w.outside.namespace, outside4+":80", "outside")
	for _, g := range []*guest{a, b} {
		if got := ask(t, g.namespace, outside4+":80"); got != "outside to "+hostOutside4 {
			t.Errorf("got %q", got)
		}
	}
	socket := b.listenUDP(t, "10.89.0.2:53")
	a.send(t, "10.89.0.2:53", "hello")
	a.ping(t, net1gw4)
	w.host.ping(t, "10.89.0.2")
	if got := received(t, socket); len(got) > 0 {
		t.Errorf("another daemon's network was reached: %v", got)
	}
	if err := errors.Join(second.UnplugAll("x"), second.Delete("two")); err != nil {
		t.Fatal(err)
	}
	if !forwards(t, "up0") {
		t.Error("the first has lost its way out")
	}
	if got := ask(t, a.namespace, outside4+":80"); got != "outside to "+hostOutside4 {
		t.Errorf("got %q", got)
	}
	if err := errors.Join(w.UnplugAll(vmName("one", 2)), w.Delete("one")); err != nil || forwards(t, "up0") {
		t.Errorf("still forwarding, or %v", err)
	}
}

// Links of the host pass on for networks alone, and as before afterwards.
func TestForwardingIsGuarded(t *testing.T) {
	w := newWorld(t)
	w.network("one", open1)
	inside := newNamespace(t)
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "lan0"
	pair := &netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerNamespace: netlink.NsFd(int(inside.Fd()))}
	if err := netlink.LinkAdd(pair); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = netlink.LinkDel(pair) }()
	if err := address("lan0", []string{"203.0.113.1/24"}); err != nil {
		t.Fatal(err)
	}
	inside.do(t, func() error { return address("eth0", []string{"203.0.113.2/24"}, "203.0.113.1") })
	w.outside.do(t, func() error { return address("eth0", nil, hostOutside4) })
	w.network("one", open1) // sees the new link
	if !forwards(t, "lan0") || !forwards(t, "up0") {
		t.Error("no way out by these links")
	}
	socket := inside.listenUDP(t, "203.0.113.2:53")
	w.outside.send(t, "203.0.113.2:53", "hello")
	w.outside.ping(t, hostOutside4)
	w.host.ping(t, "203.0.113.2")
	if got := received(t, socket); len(got) > 0 {
		t.Errorf("the host has become a router: %v", got)
	}
	if err := w.Delete("one"); err != nil || forwards(t, "lan0") || forwards(t, "up0") {
		t.Errorf("still forwarding, or %v", err)
	}
	// Where the user has it on, it stays on and is nobody's business.
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("0"), 0) }()
	w.network("one", open1)
	w.outside.send(t, "203.0.113.2:53", "hello")
	w.outside.ping(t, "203.0.113.2")
	if got := received(t, socket); len(got) != 1 {
		t.Errorf("the user's routing is disturbed: %v", got)
	}
	if err := w.Delete("one"); err != nil || !forwards(t, "up0") {
		t.Errorf("forwarding of the user's was changed, or %v", err)
	}
}

// What is beyond a limit is dropped, in either direction, and what is within
// passes.
func TestLimits(t *testing.T) {
	w := newWorld(t)
	w.network("one", open1)
	one := int64(1)
	a := w.guest("one", 2, func(s *hostapi.NICSpec) {
		s.Limits = &hostapi.NICLimits{TxPacketsPerSecond: &one, RxPacketsPerSecond: &one}
	})
	b := w.guest("one", 3)
	count := func(from, to *guest, f []byte) int {
		before := to.seen(f)
		for range 500 {
			from.inject(t, f)
		}
		b.ping(t, net1gw4)
		w.host.ping(t, "10.88.0.3")
		return to.seen(f) - before
	}
	// 64 pass at once, and some more while the machine is slow.
	if n := count(a, b, frame(mac(3), mac(2), udp4("10.88.0.2", "10.88.0.3", 53, "much"))); n == 0 || n > 400 {
		t.Errorf("%d of 500 have left", n)
	}
	if n := count(b, a, frame(mac(2), mac(3), udp4("10.88.0.3", "10.88.0.2", 53, "much"))); n > 400 {
		t.Errorf("%d of 500 have arrived", n)
	}
}

// seen counts the frames that have come to the VM.
func (g *guest) seen(frame []byte) int {
	n := 0
	g.saw(func(got []byte) bool {
		if bytes.HasPrefix(got, frame) {
			n++
		}
		return false
	})
	return n
}

// A chain of another's that drops what VMs send is told, with what mends it.
func TestCheckOutbound(t *testing.T) {
	needNamespace(t)
	if lack := network.CheckOutbound(); lack != nil && strings.Contains(lack.Reason, "chain") {
		t.Errorf("%+v", lack)
	}
	conn := &nftables.Conn{}
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "filter"})
	policy := nftables.ChainPolicyDrop
	conn.AddChain(&nftables.Chain{
		Name: "FORWARD", Table: table, Type: nftables.ChainTypeFilter, Policy: &policy,
		Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter,
	})
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	lack := network.CheckOutbound()
	if lack == nil || !strings.Contains(lack.Reason, "ip filter FORWARD") || !strings.Contains(lack.Remedy, `insert rule ip filter FORWARD iifname "cp*" accept`) {
		t.Errorf("%+v", lack)
	}
	conn.DelTable(table)
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
}

// Rules of many interfaces are more than one message, and still one
// transaction.
func TestMany(t *testing.T) {
	w := newWorld(t)
	spec := hostapi.NetworkSpec{Addresses: []string{"10.90.0.1/16"}, Outbound: hostapi.OutboundMasquerade}
	w.network("many", spec)
	const vms = 14
	rate := int64(1 << 30)
	for vm := range vms {
		var nics []hostapi.NamedNIC
		for i := range network.MaxNICs {
			hw := mac(byte(i))
			hw[4] = byte(vm)
			nics = append(nics, hostapi.NamedNIC{Name: fmt.Sprint("eth", i), Spec: hostapi.NICSpec{
				Network: "many", Mac: hw.String(), Addresses: []string{fmt.Sprintf("10.90.%d.%d", vm+1, i+1)},
				Limits: &hostapi.NICLimits{TxBytesPerSecond: &rate},
			}})
		}
		if err := w.Plug(fmt.Sprint("vm", vm), 0, nics); err != nil {
			t.Fatal(err)
		}
	}
	last := w.NICs(fmt.Sprint("vm", vms-1))[network.MaxNICs-1]
	g := boot(t, last, []string{last.Spec.Addresses[0] + "/16"})
	g.ping(t, "10.90.0.1")
	if n, err := w.Get("many"); err != nil || n.Nics != vms*network.MaxNICs {
		t.Errorf("%d interfaces, %v", n.Nics, err)
	}
}
