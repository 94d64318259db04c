package hostimage

import (
	"slices"

	"github.com/cardplane/cardplane/rootfs/kernel"
)

// modules are what Debian's cloud kernel lacks for a compute host. In load
// order; dependencies are found.
var modules = []string{
	"virtio_blk",                 // root and data disks
	"erofs",                      // the root file system
	"vmw_vsock_virtio_transport", // the link
	"virtio_net",
	"virtio_rng",
	"pvpanic_pci",
	"button", "evdev", // the power button, read by acpid
	"tun", "bridge", "veth",
	"nf_tables", "nft_chain_nat", "nft_masq", "nft_nat", "nft_ct", "nft_limit", "nft_fib_inet", "nft_meta_bridge", "nf_conntrack_netlink",
	kvmAMD, kvmIntel,
}

// The makers' halves of KVM. Only one of them loads on a processor, so init
// does it instead of the initramfs, which takes a failure for the end.
const (
	kvmAMD   = "kvm_amd"
	kvmIntel = "kvm_intel"
)

// split takes the makers' modules out of all.
func split(all []kernel.Module) (early, late []kernel.Module) {
	for _, m := range all {
		if slices.Contains([]string{kvmAMD, kvmIntel}, m.Name) {
			late = append(late, m)
		} else {
			early = append(early, m)
		}
	}
	return early, late
}
