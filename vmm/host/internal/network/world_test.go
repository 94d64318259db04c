package network_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/sirupsen/logrus"
	"github.com/vishvananda/netlink"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/network"
)

// world is a host with networks, and an outside.
type world struct {
	*testing.T
	*network.Manager
	config  network.Config
	host    namespace
	outside outside
}

func newWorld(t *testing.T) *world {
	t.Helper()
	needNamespace(t)
	log := logrus.New()
	log.SetOutput(t.Output())
	w := &world{
		T: t, host: host(t), outside: newOutside(t),
		config: network.Config{Dir: filepath.Join(t.TempDir(), "net"), Log: log},
	}
	w.open()
	t.Cleanup(w.clear)
	return w
}

// eachWorld runs a test where bridges switch by themselves, and where they ask
// the packet filter of IP (br_netfilter).
func eachWorld(t *testing.T, test func(t *testing.T, w *world)) {
	for name, value := range map[string]string{"bridges alone": "0", "with br_netfilter": "1"} {
		t.Run(name, func(t *testing.T) {
			needNamespace(t)
			for _, family := range []string{"iptables", "ip6tables"} {
				path := "/proc/sys/net/bridge/bridge-nf-call-" + family
				if err := os.WriteFile(path, []byte(value), 0); err != nil && value == "1" {
					t.Skipf("the kernel has no br_netfilter: %v", err)
				}
			}
			test(t, newWorld(t))
		})
	}
}

func (w *world) open() {
	w.Helper()
	m, err := network.Open(w.config)
	if err != nil {
		w.Fatal(err)
	}
	w.Manager = m
}

// clear removes everything, and fails if something is left.
func (w *world) clear() {
	w.Helper()
	if err := w.Sweep(func(string) bool { return false }); err != nil {
		w.Error(err)
	}
	for _, f := range w.Forwards() {
		if err := w.DeleteForward(f.Id); err != nil {
			w.Error(err)
		}
	}
	list, err := w.List()
	if err != nil {
		w.Error(err)
	}
	for _, n := range list.Networks {
		if err := w.Delete(n.Id); err != nil {
			w.Error(err)
		}
	}
	w.Manager.Close()
	w.wantNothing()
}

// restart ends the manager and starts another.
func (w *world) restart() {
	w.Helper()
	w.Manager.Close()
	w.open()
}

// Prefixes of networks of tests.
const (
	net1gw4, net1gw6 = "10.88.0.1", "fd00:88::1"
	net2gw4, net2gw6 = "10.89.0.1", "fd00:89::1"
)

var (
	open1 = hostapi.NetworkSpec{Addresses: []string{net1gw4 + "/24", net1gw6 + "/64"}, Outbound: hostapi.OutboundMasquerade}
	open2 = hostapi.NetworkSpec{Addresses: []string{net2gw4 + "/24", net2gw6 + "/64"}, Outbound: hostapi.OutboundMasquerade}
)

func (w *world) network(id string, spec hostapi.NetworkSpec) {
	w.Helper()
	if _, err := w.Put(id, spec); err != nil {
		w.Fatalf("network %s: %v", id, err)
	}
}

// plug makes a NIC of a VM with the last byte of its addresses being n.
func (w *world) plug(on string, n byte, change ...func(*hostapi.NICSpec)) hostapi.NIC {
	w.Helper()
	spec := hostapi.NICSpec{Network: on, Mac: mac(n).String(), Addresses: ips(on, n)}
	for _, c := range change {
		c(&spec)
	}
	nic, err := w.PlugOne(vmName(on, n), 0, hostapi.NamedNIC{Name: "eth0", Spec: spec})
	if err != nil {
		w.Fatalf("NIC %d: %v", n, err)
	}
	return nic
}

func vmName(on string, n byte) string { return on + "-" + string('0'+n) }
func mac(n byte) net.HardwareAddr     { return net.HardwareAddr{2, 0x1d, 0x5a, 0, 0, n} }
func ips(on string, n byte) []string {
	digit := string('0' + n)
	if on == "two" {
		return []string{"10.89.0." + digit, "fd00:89::" + digit}
	}
	return []string{"10.88.0." + digit, "fd00:88::" + digit}
}

// guest boots a VM on a network, "one" or "two".
func (w *world) guest(on string, n byte, change ...func(*hostapi.NICSpec)) *guest {
	w.Helper()
	nic := w.plug(on, n, change...)
	gw := []string{net1gw4, net1gw6}
	if on == "two" {
		gw = []string{net2gw4, net2gw6}
	}
	a := ips(on, n)
	return boot(w.T, nic, []string{a[0] + "/24", a[1] + "/64"}, gw...)
}

// serve answers connections at a place with its name and the client's address.
func serve(t *testing.T, n namespace, at, name string) {
	t.Helper()
	var l net.Listener
	n.do(t, func() (err error) {
		l, err = net.Listen("tcp", at)
		return err
	})
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			from, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
			_, _ = io.WriteString(conn, name+" to "+from)
			_ = conn.Close()
		}
	}()
}

// patience is how long a connection that should come about is waited for.
const patience = 3 * time.Second

// ask returns what a server says to a client in n, or the error.
func ask(t *testing.T, n namespace, at string) string {
	t.Helper()
	var answer []byte
	n.do(t, func() error {
		conn, err := net.DialTimeout("tcp", at, patience)
		if err != nil {
			answer = []byte(err.Error())
			return nil
		}
		defer func() { _ = conn.Close() }()
		if answer, err = io.ReadAll(conn); err != nil {
			answer = []byte(err.Error())
		}
		return nil
	})
	return string(answer)
}

func wantCode(t *testing.T, err error, code, says string) {
	t.Helper()
	if !apierr.Is(err, code) || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want %s with %q", err, code, says)
	}
}

// wantNothing fails if a link, table or record of a network is left.
func (w *world) wantNothing() {
	w.Helper()
	links, err := netlink.LinkList()
	if err != nil {
		w.Fatal(err)
	}
	for _, l := range links {
		if name := l.Attrs().Name; strings.HasPrefix(name, "cp") {
			w.Errorf("link %s is left", name)
		}
	}
	tables, err := (&nftables.Conn{}).ListTables()
	if err != nil {
		w.Fatal(err)
	}
	for _, t := range tables {
		if strings.HasPrefix(t.Name, "cardplane") {
			w.Errorf("table %s is left", t.Name)
		}
	}
	records, err := filepath.Glob(filepath.Join(w.config.Dir, "*", "*"))
	if err != nil || len(records) > 0 {
		w.Errorf("records are left: %v, %v", records, err)
	}
}
