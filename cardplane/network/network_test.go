package network_test

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/network"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// open returns a service whose host uses prefixes.
func open(t *testing.T, prefixes ...string) (*network.Service, *store.Store) {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	s, err := network.Open(network.Config{
		Store: st, InUse: func(string) string { return "" },
		Tells: func(cardplane.EventType, cardplane.Network) store.Change { return func(*bbolt.Tx) error { return nil } },
		HostUses: func(context.Context) (used []network.Used, _ error) {
			for _, p := range prefixes {
				used = append(used, network.Used{Prefix: netip.MustParsePrefix(p), By: "the host's eth0"})
			}
			return used, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, st
}

func create(t *testing.T, s *network.Service, spec cardplane.NetworkSpec) cardplane.Network {
	t.Helper()
	n, err := s.Create(t.Context(), spec, "")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSubnetsAreChosen(t *testing.T) {
	s, _ := open(t, "10.88.0.0/23", "0.0.0.0/32")
	for i, want := range []string{"10.88.2.0/24", "10.88.3.0/24"} {
		n := create(t, s, cardplane.NetworkSpec{})
		if len(n.Subnets) != 1 || n.Subnets[0].Prefix != want {
			t.Errorf("network %d: %+v, want %s", i, n.Subnets, want)
		}
	}
	n := create(t, s, cardplane.NetworkSpec{IPv6: true})
	if len(n.Subnets) != 2 || n.Subnets[0].Gateway != "10.88.4.1" || n.Subnets[1].Gateway != "fd63:7264:706c::1" {
		t.Errorf("%+v", n.Subnets)
	}
	given := create(t, s, cardplane.NetworkSpec{Subnets: []cardplane.Subnet{{Prefix: "10.5.0.0/24", Gateway: "10.5.0.254"}}})
	if given.Subnets[0].Gateway != "10.5.0.254" || given.MTU != cardplane.DefaultMTU {
		t.Errorf("%+v", given)
	}
}

func TestNoSubnetIsLeft(t *testing.T) {
	s, _ := open(t, "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
	if _, err := s.Create(t.Context(), cardplane.NetworkSpec{}, ""); !apierr.Is(err, "subnets_exhausted") {
		t.Error(err)
	}
}

func TestBadNetworks(t *testing.T) {
	s, _ := open(t, "192.0.2.0/24")
	create(t, s, cardplane.NetworkSpec{Name: "taken", Subnets: []cardplane.Subnet{{Prefix: "10.5.0.0/24"}}})
	subnet := func(prefix, gateway string) cardplane.NetworkSpec {
		return cardplane.NetworkSpec{Subnets: []cardplane.Subnet{{Prefix: prefix, Gateway: gateway}}}
	}
	for _, c := range []struct {
		spec        cardplane.NetworkSpec
		code, field string
	}{
		{subnet("10.5.0.128/25", ""), "subnet_overlaps", "/subnets/0/prefix"},
		{subnet("192.0.2.128/25", ""), "subnet_overlaps", "/subnets/0/prefix"},
		{subnet("10.5.0.1/24", ""), "invalid_subnet", "/subnets/0/prefix"},
		{subnet("10.5.0.0", ""), "invalid_subnet", "/subnets/0/prefix"},
		{subnet("0.0.0.0/0", ""), "invalid_subnet", "/subnets/0/prefix"},
		{subnet("10.6.0.0/31", ""), "invalid_subnet", "/subnets/0/prefix"},
		{subnet("127.0.0.0/8", ""), "invalid_subnet", "/subnets/0/prefix"},
		{subnet("224.0.0.0/24", ""), "invalid_subnet", "/subnets/0/prefix"},
		{subnet("fe80::/64", ""), "invalid_subnet", "/subnets/0/prefix"},
		{subnet("10.6.0.0/24", "10.7.0.1"), "invalid_gateway", "/subnets/0/gateway"},
		{subnet("10.6.0.0/24", "10.6.0.0"), "invalid_gateway", "/subnets/0/gateway"},
		{subnet("10.6.0.0/24", "10.6.0.255"), "invalid_gateway", "/subnets/0/gateway"},
		{cardplane.NetworkSpec{Name: "taken"}, "network_exists", "/name"},
		{cardplane.NetworkSpec{Name: "../x"}, "invalid_name", "/name"},
		{cardplane.NetworkSpec{Name: "none"}, "invalid_name", "/name"},
		{cardplane.NetworkSpec{MTU: 100}, "invalid_mtu", "/mtu"},
		{cardplane.NetworkSpec{Subnets: []cardplane.Subnet{{Prefix: "10.6.0.0/24"}, {Prefix: "10.6.0.0/25"}}}, "subnet_overlaps", "/subnets/1/prefix"},
	} {
		_, err := s.Create(t.Context(), c.spec, "")
		if e := apierr.From(err); e.Code != c.code || e.Field != c.field {
			t.Errorf("%+v: %s at %s: %v", c.spec, e.Code, e.Field, err)
		}
	}
}

// Addresses are given once, until the network has no more, and come back.
func TestAddresses(t *testing.T) {
	s, st := open(t)
	n := create(t, s, cardplane.NetworkSpec{Name: "small", Subnets: []cardplane.Subnet{{Prefix: "10.5.0.0/29", Gateway: "10.5.0.3"}}})
	give := func(container string, nic cardplane.NIC) (cardplane.Interface, error) {
		users, err := st.Addresses(n.ID)
		if err != nil {
			t.Fatal(err)
		}
		i, given, err := network.Interface("/networks/0", n, nic, users, container)
		if err != nil {
			return i, err
		}
		return i, st.Update(store.LeaseAddress(n, given[0], container))
	}
	fixed, err := give("fixed", cardplane.NIC{Addresses: []string{"10.5.0.6"}})
	if err != nil || fixed.MAC != "02:63:0a:05:00:06" || fixed.Addresses[0] != "10.5.0.6/29" {
		t.Fatalf("%+v, %v", fixed, err)
	}
	for i, want := range []string{"10.5.0.1/29", "10.5.0.2/29", "10.5.0.4/29", "10.5.0.5/29"} {
		got, err := give(fmt.Sprint("c", i), cardplane.NIC{})
		if err != nil || got.Addresses[0] != want {
			t.Errorf("%+v, want %s, %v", got, want, err)
		}
	}
	if _, err := give("more", cardplane.NIC{}); !apierr.Is(err, "addresses_exhausted") {
		t.Errorf("exhausted: %v", err)
	}
	for address, code := range map[string]string{
		"10.5.0.6": "address_in_use", "10.5.0.3": "address_outside_network", "10.5.0.0": "address_outside_network",
		"10.5.0.7": "address_outside_network", "10.6.0.1": "address_outside_network", "fd00::1": "address_outside_network",
	} {
		_, err := give("more", cardplane.NIC{Addresses: []string{address}})
		if e := apierr.From(err); e.Code != code || e.Field != "/networks/0/addresses" {
			t.Errorf("%s: %s at %s", address, e.Code, e.Field)
		}
	}
	if err := st.RemoveNetwork(n); !apierr.Is(err, "network_in_use") {
		t.Errorf("removed with addresses given: %v", err)
	}
	if err := st.Update(store.EndAddresses("c1")); err != nil {
		t.Fatal(err)
	}
	if got, err := give("more", cardplane.NIC{}); err != nil || got.Addresses[0] != "10.5.0.2/29" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestBadNICs(t *testing.T) {
	for field, nic := range map[string]cardplane.NIC{
		"/n/network":   {Network: "../x"},
		"/n/addresses": {Network: "x", Addresses: []string{"10.5.0"}},
		"/n/mac":       {Network: "x", MAC: "01:00:00:00:00:01"},
	} {
		if e := apierr.From(network.CheckNIC("/n", nic)); e.Field != field {
			t.Errorf("%+v: at %s", nic, e.Field)
		}
	}
}
