package cli

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cardplane/cardplane/cardplane"
)

// networkFlags are the flags that put a container or sandbox on networks.
type networkFlags struct {
	networks, aliases, publish []string
	ip, ip6, mac               string
}

const noHostNetwork = "a container has a kernel of its own and cannot use the compute host's network; publish ports with --publish"

func (f *networkFlags) register(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.networks, "network", nil, "put it on a network, NAME[,alias=NAME][,ip=ADDRESS][,mac=ADDRESS][,rx=10m][,tx=10m] (bytes per second); none is without one; the first one leads out")
	flags.StringArrayVar(&f.networks, "net", nil, "")
	_ = flags.MarkHidden("net") // docker's other name
	flags.StringArrayVar(&f.aliases, "network-alias", nil, "further name on the first network")
	flags.StringVar(&f.ip, "ip", "", "IPv4 address on the first network")
	flags.StringVar(&f.ip6, "ip6", "", "IPv6 address on the first network")
	flags.StringVar(&f.mac, "mac-address", "", "MAC address on the first network")
	flags.StringArrayVarP(&f.publish, "publish", "p", nil, "publish a port on the compute host, [[ADDRESS:]HOST:]CONTAINER[/tcp|udp], or ranges such as 8000-8009:80-89")
}

// parse returns the networks, nil where none is named, and the published ports.
func (f *networkFlags) parse() (nics []cardplane.NIC, ports []cardplane.Port, err error) {
	for _, text := range f.networks {
		if text == "none" {
			nics = []cardplane.NIC{}
			continue
		}
		nic, err := parseNetwork(text)
		if err != nil {
			return nil, nil, fmt.Errorf("--network: %w", err)
		}
		nics = append(nics, nic)
	}
	if len(f.networks) > 1 && len(nics) < len(f.networks) {
		return nil, nil, errors.New("--network none: it goes with no other network; leave out one of them")
	}
	if nics, err = f.first(nics); err != nil {
		return nil, nil, err
	}
	for _, text := range f.publish {
		list, err := parsePublish(text)
		if err != nil {
			return nil, nil, fmt.Errorf("--publish: %w", err)
		}
		ports = append(ports, list...)
	}
	return nics, ports, nil
}

// first adds what flags of their own say of the first network.
func (f *networkFlags) first(nics []cardplane.NIC) ([]cardplane.NIC, error) {
	if len(f.aliases) == 0 && f.ip == "" && f.ip6 == "" && f.mac == "" {
		return nics, nil
	}
	if nics == nil {
		nics = []cardplane.NIC{{Network: cardplane.DefaultNetwork}}
	}
	if len(nics) == 0 {
		return nil, errors.New("--network none: there is no network to have an alias or an address on")
	}
	nic := &nics[0]
	nic.Aliases = append(nic.Aliases, f.aliases...)
	for _, address := range []string{f.ip, f.ip6} {
		if address != "" {
			nic.Addresses = append(nic.Addresses, address)
		}
	}
	if f.mac != "" {
		nic.MAC = f.mac
	}
	return nics, nil
}

// parseNetwork reads a value of --network, NAME[,KEY=VALUE...] or, as docker has
// it, name=NAME[,KEY=VALUE...].
func parseNetwork(text string) (cardplane.NIC, error) {
	var nic cardplane.NIC
	for i, field := range strings.Split(text, ",") {
		key, value, given := strings.Cut(field, "=")
		if i == 0 && !given {
			key, value = "name", field
		}
		if err := setNetwork(&nic, key, value); err != nil {
			return nic, fmt.Errorf("%q: %w", text, err)
		}
	}
	switch {
	case nic.Network == "":
		return nic, fmt.Errorf("%q names no network", text)
	case nic.Network == "host" || strings.HasPrefix(nic.Network, "container:"):
		return nic, errors.New(noHostNetwork)
	case nic.Network == "bridge": // docker's name of it
		nic.Network = cardplane.DefaultNetwork
	}
	return nic, nil
}

func setNetwork(nic *cardplane.NIC, key, value string) (err error) {
	switch key {
	case "name":
		nic.Network = value
	case "alias":
		nic.Aliases = append(nic.Aliases, value)
	case "ip", "ip6":
		nic.Addresses = append(nic.Addresses, value)
	case "mac", "mac-address":
		nic.MAC = value
	case "rx":
		nic.Limits.Receive, err = parseSize(value)
	case "tx":
		nic.Limits.Send, err = parseSize(value)
	default:
		return fmt.Errorf("the option %q is unknown; use alias, ip, ip6, mac, rx and tx", key)
	}
	return err
}

// parsePublish reads a value of --publish.
func parsePublish(text string) ([]cardplane.Port, error) {
	rest, protocol, given := strings.Cut(text, "/")
	if !given {
		protocol = string(cardplane.TCP)
	}
	if protocol != string(cardplane.TCP) && protocol != string(cardplane.UDP) {
		return nil, fmt.Errorf("%q: the protocol %q is unknown; use tcp or udp", text, protocol)
	}
	host, inside := "", rest
	if i := strings.LastIndex(rest, ":"); i >= 0 {
		host, inside = rest[:i], rest[i+1:]
	}
	address := ""
	if i := strings.LastIndex(host, ":"); i >= 0 {
		address, host = strings.Trim(host[:i], "[]"), host[i+1:]
		if net.ParseIP(address) == nil {
			return nil, fmt.Errorf("%q: %q is no address", text, address)
		}
	}
	first, last, err := portRange(inside)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	from, to := 0, 0
	if host != "" && host != "0" {
		if from, to, err = portRange(host); err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		if to-from != last-first {
			return nil, fmt.Errorf("%q: the ranges differ in length", text)
		}
	}
	var out []cardplane.Port
	for n := first; n <= last; n++ {
		p := cardplane.Port{HostAddress: address, ContainerPort: n, Protocol: cardplane.Protocol(protocol)}
		if from > 0 {
			p.HostPort = from + n - first
		}
		out = append(out, p)
	}
	return out, nil
}

// portRange reads N or N-M.
func portRange(text string) (first, last int, err error) {
	a, b, ranged := strings.Cut(text, "-")
	if !ranged {
		b = a
	}
	first, errFirst := strconv.Atoi(a)
	last, errLast := strconv.Atoi(b)
	if errFirst != nil || errLast != nil || first < 1 || last < first || last > 65535 {
		return 0, 0, fmt.Errorf("%q is no port or range of ports from 1 to 65535", text)
	}
	if last-first >= cardplane.MaxPorts {
		return 0, 0, fmt.Errorf("%q are more than %d ports", text, cardplane.MaxPorts)
	}
	return first, last, nil
}

// portText is a published port as docker shows it.
func portText(p cardplane.Port) string {
	address := p.HostAddress
	if address == "" {
		address = "0.0.0.0"
	}
	return fmt.Sprintf("%s->%d/%s", net.JoinHostPort(address, strconv.Itoa(p.HostPort)), p.ContainerPort, p.Protocol)
}

// portsText are the published ports of a container that runs.
func portsText(c cardplane.Container) string {
	if !c.State.Active() {
		return ""
	}
	return portList(c.Ports)
}

func portList(ports []cardplane.Port) string {
	var out []string
	for _, p := range ports {
		out = append(out, portText(p))
	}
	return strings.Join(out, ", ")
}
