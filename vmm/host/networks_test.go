package host_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host"
	"github.com/cardplane/cardplane/vmm/host/internal/machine"
	"github.com/cardplane/cardplane/vmm/host/internal/network"
	"github.com/cardplane/cardplane/vmm/host/internal/network/rules"
	"github.com/cardplane/cardplane/vmm/link"
)

// openTap opens a tap as a VMM does, and keeps it open.
func openTap(device, name string) error {
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	request, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TUNSETIFF, uintptr(unsafe.Pointer(request))); errno != 0 {
		return errno
	}
	return nil
}

// netBed is a host whose daemons, processes of their own, live in a network
// namespace that the test has made. No server runs in the test's process: it
// would make networks on this machine.
type netBed struct {
	bed
	config    daemonConfig
	namespace *os.File
	running   *exec.Cmd
	// ended is closed when the running daemon has ended.
	ended chan struct{}
}

func newNetBed(t *testing.T) *netBed {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, for a network namespace of its own: run go test as root")
	}
	dir, err := os.MkdirTemp("", "vmmd")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil { // for VMMs with users of their own
		t.Fatal(err)
	}
	// This machine's is left alone.
	tun := filepath.Join(dir, "tun")
	if err := unix.Mknod(tun, unix.S_IFCHR|0o600, int(unix.Mkdev(10, 200))); err != nil {
		t.Fatal(err)
	}
	first := int(firstUID.Add(100))
	n := &netBed{bed: bed{T: t, ctx: t.Context()}, config: daemonConfig{
		RunDir: filepath.Join(dir, "run"), DataDir: filepath.Join(dir, "data"), UIDDir: filepath.Join(dir, "uids"),
		Endpoint: "unix://" + filepath.Join(dir, "vmmd.sock"), Program: os.Args[0], Tun: tun,
		UIDs: host.UIDRange{First: first, Last: first + 9},
	}}
	n.inNamespace(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		n.namespace, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	if n.link, err = link.Open(n.config.Endpoint); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.link.Close()
		n.kill()
		for _, pid := range n.processesOf(n.config.RunDir) {
			var number int
			if _, err := fmt.Sscan(pid, &number); err == nil {
				_ = unix.Kill(number, unix.SIGKILL)
			}
		}
		_, _ = n.namespace.Close(), os.RemoveAll(dir)
	})
	return n
}

// inNamespace runs f on a thread of the namespace, once there is one.
func (n *netBed) inNamespace(f func() error) {
	n.Helper()
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		if n.namespace != nil {
			if err := unix.Setns(int(n.namespace.Fd()), unix.CLONE_NEWNET); err != nil {
				result <- err
				return
			}
		}
		result <- f()
	}()
	if err := <-result; err != nil {
		n.Fatal(err)
	}
}

// daemon starts a daemon that dies at step at, be it while it starts.
func (n *netBed) daemon(at string) {
	n.Helper()
	n.kill()
	n.config.DieAt = at
	config, err := json.Marshal(n.config)
	if err != nil {
		n.Fatal(err)
	}
	n.running = daemonCommand(n.T, config)
	n.inNamespace(n.running.Start)
	cmd, ended := n.running, make(chan struct{})
	n.ended = ended
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	for {
		if _, err := n.link.Host(n.ctx); err == nil {
			return
		}
		select {
		case <-ended:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// kill kills the daemon, or waits for its end.
func (n *netBed) kill() {
	if n.running != nil {
		_ = n.running.Process.Kill()
		<-n.ended
		n.running = nil
	}
}

// wantNoNetwork fails if anything of a network is left.
func (n *netBed) wantNoNetwork() {
	n.Helper()
	n.inNamespace(func() error {
		links, err := netlink.LinkList()
		for _, l := range links {
			if l.Attrs().Name != "lo" {
				n.Errorf("link %s is left", l.Attrs().Name)
			}
		}
		names, listErr := rules.Tables()
		if len(names) > 0 {
			n.Errorf("tables are left: %v", names)
		}
		return errors.Join(err, listErr)
	})
	if records, err := filepath.Glob(filepath.Join(n.config.RunDir, "net", "*", "*")); err != nil || len(records) > 0 {
		n.Errorf("records are left: %v, %v", records, err)
	}
}

var netSpec = hostapi.NetworkSpec{Addresses: []string{"10.88.0.1/24"}, Outbound: hostapi.OutboundMasquerade}

// nicSpec is an interface whose addresses end in n.
func nicSpec(n int) hostapi.NICSpec {
	return hostapi.NICSpec{Network: "net", Mac: fmt.Sprintf("02:1d:5a:00:00:%02x", n), Addresses: []string{fmt.Sprintf("10.88.0.%d", n)}}
}

func vmSpec(n int) hostapi.VMSpec {
	spec := emptySpec
	spec.Nics = []hostapi.NamedNIC{{Name: "eth0", Spec: nicSpec(n)}}
	return spec
}

var forwardSpec = hostapi.ForwardSpec{Protocol: hostapi.ProtocolTCP, Network: "net", Address: "10.88.0.2", Port: 80}

// A VMM opens the taps of its VM, those that it was started with and those
// that came later, without privileges; and no other VM's. All of it survives
// the daemon, and nothing survives its deletion.
func TestNetworks(t *testing.T) {
	n := newNetBed(t)
	n.daemon("")
	if h, err := n.link.Host(n.ctx); err != nil || !h.Networks.Available {
		t.Fatalf("%+v, %v", h.Networks, err)
	}
	_, err := n.link.PutVM(n.ctx, "a", vmSpec(2))
	wantCode(t, err, "network_not_found")
	n.must(n.link.PutNetwork(n.ctx, "net", netSpec))
	a, err := n.link.PutVM(n.ctx, "a", vmSpec(2))
	if err != nil || len(a.Nics) != 1 {
		t.Fatalf("%+v, %v", a.Nics, err)
	}
	b, err := n.link.PutVM(n.ctx, "b", vmSpec(3))
	if err != nil {
		t.Fatal(err)
	}
	_, err = n.link.PutVM(n.ctx, "c", vmSpec(3))
	wantCode(t, err, "address_taken")
	hot, err := n.link.PutNIC(n.ctx, "a", "eth1", nicSpec(4))
	if err != nil {
		t.Fatal(err)
	}
	forward, err := n.link.PutForward(n.ctx, "web", forwardSpec)
	if err != nil {
		t.Fatal(err)
	}
	for tap, may := range map[string]bool{a.Nics[0].Tap: true, hot.Tap: true, b.Nics[0].Tap: false, "brandnew": false} {
		if got := n.tell("a", "tap", "device", n.config.Tun, "name", tap); (got == "<nil>") != may {
			t.Errorf("tap %s: %s", tap, got)
		}
	}
	wantCode(t, n.link.DeleteNetwork(n.ctx, "net"), "network_in_use")

	n.daemon("")
	again, err := n.link.VM(n.ctx, "a")
	if err != nil || len(again.Nics) != 2 || again.Nics[1].Tap != hot.Tap || again.Nics[0].Mtu != 1500 {
		t.Errorf("%+v, %v", again.Nics, err)
	}
	if f, err := n.link.PutForward(n.ctx, "web", forwardSpec); err != nil || f.HostPort != forward.HostPort {
		t.Errorf("%+v, %v", f, err)
	}
	if err := n.link.DeleteNIC(n.ctx, "a", "eth1"); err != nil {
		t.Fatal(err)
	}
	n.deleteAll()
	n.wantNoNetwork()
}

func (n *netBed) must(_ hostapi.Network, err error) {
	n.Helper()
	if err != nil {
		n.Fatal(err)
	}
}

func (n *netBed) deleteAll() {
	n.Helper()
	err := errors.Join(
		n.link.DeleteVM(n.ctx, "a", 0), n.link.DeleteVM(n.ctx, "b", 0),
		n.link.DeleteForward(n.ctx, "web"), n.link.DeleteNetwork(n.ctx, "net"),
	)
	if err != nil {
		n.Fatal(err)
	}
}

// makeAll makes a network, a VM on it, another interface and a forward.
func (n *netBed) makeAll() error {
	_, errNet := n.link.PutNetwork(n.ctx, "net", netSpec)
	_, errVM := n.link.PutVM(n.ctx, "a", vmSpec(2))
	_, errNIC := n.link.PutNIC(n.ctx, "a", "eth1", nicSpec(4))
	_, errForward := n.link.PutForward(n.ctx, "web", forwardSpec)
	return errors.Join(errNet, errVM, errNIC, errForward)
}

// A daemon that is killed at any step of making a network, an interface or a
// forward leaves what the next one finds and can delete, or make.
func TestNetworksAndDeath(t *testing.T) {
	for _, at := range []string{network.OpRecord, network.OpLinks, network.OpRules, machine.OpPlugNICs, network.OpForget} {
		t.Run(at, func(t *testing.T) {
			n := newNetBed(t)
			for range 4 { // it dies at a later thing each time
				n.daemon(at)
				if n.makeAll() == nil {
					break
				}
			}
			n.daemon("")
			if err := n.makeAll(); err != nil {
				t.Fatal(err)
			}
			for range 4 {
				n.daemon(at)
				_ = n.link.DeleteNIC(n.ctx, "a", "eth1")
				_ = n.link.DeleteVM(n.ctx, "a", 0)
				_ = n.link.DeleteForward(n.ctx, "web")
				_ = n.link.DeleteNetwork(n.ctx, "net")
			}
			n.daemon("")
			n.deleteAll()
			n.wantNoNetwork()
		})
	}
}

// Without privileges there are no networks, and the reason is told.
func TestNoNetworks(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may make networks; run go test as another user")
	}
	b := newBed(t)
	h, err := b.link.Host(b.ctx)
	if err != nil || h.Networks.Available || !strings.Contains(h.Networks.Reason, "CAP_NET_ADMIN") || h.Networks.Remedy == "" {
		t.Fatalf("%+v, %v", h.Networks, err)
	}
	_, err = b.link.PutNetwork(b.ctx, "net", netSpec)
	wantCode(t, err, "network_unavailable")
	if err := b.link.DeleteNetwork(b.ctx, "net"); err != nil {
		t.Fatal(err)
	}
}
