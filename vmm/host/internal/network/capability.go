package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/network/links"
	"github.com/cardplane/cardplane/vmm/host/internal/network/rules"
)

// TunDevice is where taps are made and opened.
const TunDevice = "/dev/net/tun"

// Capability says why no networks can be made, nil if they can. What could be
// done once is not tried again.
func (m *Manager) Capability() *hostapi.Capability {
	if m.capable.Load() {
		return nil
	}
	lack := check(m.names, m.cfg.Tun)
	m.capable.Store(lack == nil)
	return lack
}

// Check is Capability for a daemon that does not run. dir names its directory
// of records, which may not exist.
func Check(dir string) *hostapi.Capability { return check(namesOf(dir), TunDevice) }

func check(n names, tun string) *hostapi.Capability {
	if !admin() {
		return lack("vmmd runs without CAP_NET_ADMIN", "run vmmd as root")
	}
	fd, err := unix.Open(tun, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return lack(fmt.Sprintf("%s cannot be opened: %v", tun, err), "modprobe tun")
	}
	_ = unix.Close(fd)
	// Under another name, so that the tables in use are not touched.
	try := rules.Ruleset{Table: n.table + "_try", Bridges: n.bridges, Taps: n.taps}
	if err := try.Check(); err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n") // of one for each rule
		return lack("nftables cannot be used: "+first, "boot a kernel built with CONFIG_NF_TABLES_INET, CONFIG_NF_TABLES_BRIDGE, CONFIG_NFT_NAT, CONFIG_NFT_MASQ and CONFIG_NFT_FIB_INET")
	}
	if err := links.CheckConnections(); err != nil {
		return lack(fmt.Sprintf("connections cannot be tracked: %v", err), "modprobe nf_conntrack_netlink")
	}
	return nil
}

// admin reports whether this process may change networks. In a user namespace
// that is root's, it may change those of its own.
func admin() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[0].Effective&(1<<unix.CAP_NET_ADMIN) != 0
}

func lack(reason, remedy string) *hostapi.Capability {
	return &hostapi.Capability{Reason: reason, Remedy: remedy}
}

// codeIPv6Outbound is that IPv6 does not get beyond the host.
const codeIPv6Outbound = "ipv6_outbound_unavailable"

// IPv6Outbound says why networks with IPv6 cannot have a way out, nil if they
// can. Newer kernels forward IPv6 for single links; older ones for all or
// none, and one that does for all stops configuring itself by router
// advertisements: that is not ours to change.
func IPv6Outbound() *hostapi.Capability {
	all, err := links.Setting{Family: links.IPv6, Interface: "all", Name: "forwarding"}.Get()
	if errors.Is(err, fs.ErrNotExist) {
		return lack("this kernel has no IPv6", "boot it with IPv6 (boot parameter ipv6.disable=0)")
	}
	if all == "1" || forwardsSingly() {
		return nil
	}
	return lack("this kernel forwards IPv6 for all interfaces or for none, and forwards none",
		"sysctl -w net.ipv6.conf.all.forwarding=1, with accept_ra=2 on interfaces that are configured by router advertisements")
}

// CheckOutbound says why what goes out of networks may not come far: by IPv6,
// or because a chain of another's drops what it does not accept. Nil if
// nothing is in the way.
func CheckOutbound() *hostapi.Capability {
	if !admin() {
		return lack("vmmd runs without CAP_NET_ADMIN", "run vmmd as root")
	}
	chains, err := rules.Dropping()
	if err != nil {
		return lack(err.Error(), "boot a kernel built with CONFIG_NF_TABLES")
	}
	for _, chain := range chains {
		return lack(fmt.Sprintf("chain %s of nftables drops what is forwarded and it does not accept, what VMs send included", chain),
			fmt.Sprintf(`nft 'insert rule %s iifname "%s*" accept; insert rule %[1]s oifname "%[2]s*" accept'`, chain, kin))
	}
	return IPv6Outbound()
}

// forwardsSingly reports whether the kernel can forward IPv6 for single links
// (Linux 6.17).
func forwardsSingly() bool {
	_, err := os.Stat("/proc/sys/net/ipv6/conf/default/" + links.ForwardOne)
	return err == nil
}
