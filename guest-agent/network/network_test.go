package network_test

import (
	"errors"
	"net/netip"
	"runtime"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/guest-agent/network"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// inNamespace runs the rest of the test in a network namespace of its own.
func inNamespace(t *testing.T) {
	t.Helper()
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); errors.Is(err, unix.EPERM) {
		t.Skip("a network namespace cannot be made; run as root")
	} else if err != nil {
		t.Fatal(err)
	}
}

func plug(t *testing.T, name string) string {
	t.Helper()
	if err := netlink.LinkAdd(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: name}}); err != nil {
		t.Skipf("an interface cannot be made: %v", err)
	}
	link, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return link.Attrs().HardwareAddr.String()
}

func addressesOf(t *testing.T, name string) []string {
	t.Helper()
	link, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	addrs, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, a := range addrs {
		if !a.IP.IsLinkLocalUnicast() {
			out = append(out, a.IPNet.String())
		}
	}
	return out
}

func TestKernel(t *testing.T) {
	inNamespace(t)
	one := guestapi.Interface{
		Name: "eth0", Mac: plug(t, "x0"), Mtu: 1400, Addresses: []string{"10.1.0.2/24", "fd00:1::2/64"},
		Routes: []guestapi.Route{{To: "0.0.0.0/0", Via: "10.1.0.1"}, {To: "::/0", Via: "fd00:1::1"}},
	}
	two := guestapi.Interface{Name: "eth1", Mac: plug(t, "eth0"), Mtu: 1500, Addresses: []string{"10.2.0.2/24"}}
	for range 2 {
		if err := (network.Kernel{}).Apply(t.Context(), []guestapi.Interface{one, two}); err != nil {
			t.Fatal(err)
		}
	}
	if got := addressesOf(t, "eth0"); !slices.Equal(got, one.Addresses) {
		t.Errorf("addresses %v", got)
	}
	link, err := netlink.LinkByName("eth0")
	if err != nil || link.Attrs().MTU != 1400 {
		t.Errorf("MTU %d, %v", link.Attrs().MTU, err)
	}
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil || !slices.ContainsFunc(routes, func(r netlink.Route) bool { return r.Gw.String() == "10.1.0.1" }) {
		t.Errorf("routes %v, %v", routes, err)
	}
	one.Addresses, one.Routes = []string{"10.1.0.3/24"}, nil
	if err := (network.Kernel{}).Apply(t.Context(), []guestapi.Interface{one}); err != nil {
		t.Fatal(err)
	}
	if got := addressesOf(t, "eth0"); !slices.Equal(got, one.Addresses) {
		t.Errorf("other addresses %v", got)
	}
	if link, err := netlink.LinkByName("eth1"); err != nil || link.Attrs().Flags&1 != 0 {
		t.Errorf("eth1 is still up, %v", err)
	}
}

func TestChecks(t *testing.T) {
	n := network.New(network.Kernel{}, netip.MustParseAddrPort("127.0.0.1:53"))
	good := guestapi.Interface{Name: "eth0", Mac: "02:00:00:00:00:01", Mtu: 1500}
	for name, change := range map[string]func(*guestapi.Network){
		"mac":     func(c *guestapi.Network) { c.Interfaces[0].Mac = "x" },
		"long":    func(c *guestapi.Network) { c.Interfaces[0].Mac = "02:00:00:00:00:01:02:03" },
		"name":    func(c *guestapi.Network) { c.Interfaces[0].Name = "../lo" },
		"lo":      func(c *guestapi.Network) { c.Interfaces[0].Name = "lo" },
		"mtu":     func(c *guestapi.Network) { c.Interfaces[0].Mtu = 1 },
		"address": func(c *guestapi.Network) { c.Interfaces[0].Addresses = []string{"10.0.0.1"} },
		"route":   func(c *guestapi.Network) { c.Interfaces[0].Routes = []guestapi.Route{{To: "0.0.0.0/0", Via: "x"}} },
		"many":    func(c *guestapi.Network) { c.Interfaces = slices.Repeat(c.Interfaces, 17) },
		"names":   func(c *guestapi.Network) { c.Resolver.Names = map[string][]string{"A": nil} },
		"host":    func(c *guestapi.Network) { c.Resolver.Names = map[string][]string{"a": {"b"}} },
	} {
		config := &guestapi.Network{Interfaces: []guestapi.Interface{good}}
		change(config)
		if err := n.Set(t.Context(), config); !apierr.Is(err, "invalid_config") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
