package network

import (
	"reflect"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

func TestNormalNetwork(t *testing.T) {
	got, err := normalNetwork(hostapi.NetworkSpec{Addresses: []string{"FD00::0001/64", "10.0.0.1/24"}, Outbound: "masquerade"})
	want := hostapi.NetworkSpec{Addresses: []string{"fd00::1/64", "10.0.0.1/24"}, Mtu: 1500, Outbound: "masquerade", Blocked: []string{}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for name, spec := range map[string]hostapi.NetworkSpec{
		"MTU":            {Outbound: "none", Mtu: 1000},
		"outbound":       {Outbound: "nat"},
		"no address":     {Outbound: "masquerade"},
		"words":          {Outbound: "none", Addresses: []string{"ten/24"}},
		"no length":      {Outbound: "none", Addresses: []string{"10.0.0.1"}},
		"the prefix":     {Outbound: "none", Addresses: []string{"10.0.0.0/24"}},
		"no room":        {Outbound: "none", Addresses: []string{"10.0.0.1/32"}},
		"everything":     {Outbound: "none", Addresses: []string{"10.0.0.1/1"}},
		"loopback":       {Outbound: "none", Addresses: []string{"127.0.0.1/8"}},
		"multicast":      {Outbound: "none", Addresses: []string{"224.0.0.1/24"}},
		"link-local":     {Outbound: "none", Addresses: []string{"fe80::1/64"}},
		"mapped":         {Outbound: "none", Addresses: []string{"::ffff:10.0.0.1/120"}},
		"twice":          {Outbound: "none", Addresses: []string{"10.0.0.1/24", "10.0.0.2/16"}},
		"blocked":        {Outbound: "none", Blocked: []string{"10.0.0.1/24"}},
		"many addresses": {Outbound: "none", Addresses: make([]string, 9)},
	} {
		if _, err := normalNetwork(spec); !apierr.Is(err, "invalid_network") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNormalNIC(t *testing.T) {
	zero, five := int64(0), int64(5)
	got, err := normalNIC(hostapi.NICSpec{Network: "n", Mac: "02:AA:00:00:00:01", Addresses: []string{"FD00::2"},
		Limits: &hostapi.NICLimits{RxBytesPerSecond: &zero, TxBytesPerSecond: &five}})
	want := hostapi.NICSpec{Network: "n", Mac: "02:aa:00:00:00:01", Addresses: []string{"fd00::2"}, Limits: &hostapi.NICLimits{TxBytesPerSecond: &five}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = normalNIC(hostapi.NICSpec{Mac: "02:aa:00:00:00:01", Limits: &hostapi.NICLimits{RxBytesPerSecond: &zero}}); err != nil || got.Limits != nil || got.Addresses == nil {
		t.Errorf("%+v, %v", got, err)
	}
	negative := int64(-1)
	const good = "02:aa:00:00:00:01"
	for name, spec := range map[string]hostapi.NICSpec{
		"no MAC":    {},
		"dashes":    {Mac: "02-aa-00-00-00-01"},
		"eight":     {Mac: "02:aa:00:00:00:01:02:03"},
		"multicast": {Mac: "03:aa:00:00:00:01"},
		"zero":      {Mac: "00:00:00:00:00:00"},
		"words":     {Mac: good, Addresses: []string{"two"}},
		"twice":     {Mac: good, Addresses: []string{"10.0.0.2", "10.0.0.2"}},
		"zone":      {Mac: good, Addresses: []string{"fd00::2%eth0"}},
		"loopback":  {Mac: good, Addresses: []string{"127.0.0.2"}},
		"rate":      {Mac: good, Limits: &hostapi.NICLimits{RxBytesPerSecond: &negative}},
	} {
		if _, err := normalNIC(spec); !apierr.Is(err, "invalid_nic") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NormalNICs(make([]hostapi.NamedNIC, MaxNICs+1)); !apierr.Is(err, "too_many_nics") {
		t.Errorf("too many: %v", err)
	}
	if _, err := NormalNICs([]hostapi.NamedNIC{{Name: "a", Spec: got}, {Name: "a", Spec: got}}); !apierr.Is(err, "invalid_nic") {
		t.Errorf("named twice: %v", err)
	}
}

func TestNormalForward(t *testing.T) {
	good := hostapi.ForwardSpec{Protocol: "tcp", HostAddress: "0.0.0.0", Address: "10.0.0.2", Port: 80}
	if got, err := normalForward(good); err != nil || got.HostAddress != "" {
		t.Errorf("%+v, %v", got, err)
	}
	for name, change := range map[string]func(*hostapi.ForwardSpec){
		"protocol":  func(s *hostapi.ForwardSpec) { s.Protocol = "sctp" },
		"host port": func(s *hostapi.ForwardSpec) { s.HostPort = 65536 },
		"port":      func(s *hostapi.ForwardSpec) { s.Port = 0 },
		"address":   func(s *hostapi.ForwardSpec) { s.Address = "127.0.0.1" },
		"families":  func(s *hostapi.ForwardSpec) { s.HostAddress = "::" },
		"host":      func(s *hostapi.ForwardSpec) { s.HostAddress = "localhost" },
	} {
		spec := good
		change(&spec)
		if _, err := normalForward(spec); !apierr.Is(err, "invalid_forward") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Links' names fit the kernel, whatever the directory and the number.
func TestNames(t *testing.T) {
	a, b := namesOf("/run/a/net"), namesOf("/run/b/net")
	if a == b {
		t.Error("two directories have the same names")
	}
	taken := 1_999_999
	name := freeName(a.taps, func(string) bool { taken--; return taken > 0 })
	if len(name) > 15 || !strings.HasPrefix(name, a.taps) {
		t.Error(name)
	}
	if !bridgeName.MatchString(freeName(a.bridges, func(string) bool { return false })) || bridgeName.MatchString("cpu0") {
		t.Error("bridges are not told by their names")
	}
}
