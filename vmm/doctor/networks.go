package doctor

import "github.com/cardplane/cardplane/openapi/hostapi"

// checkNetworks runs the checks of what VMs' networks need beside taps.
func checkNetworks(cfg Config) []hostapi.Check {
	var checks []hostapi.Check
	if cfg.Networks != nil {
		checks = append(checks, checkCapability(CheckNFTables, cfg.Networks(), "VMs can have networks, with rules in tables of their own"))
	}
	if cfg.Outbound != nil {
		checks = append(checks, checkCapability(CheckIPForward, cfg.Outbound(), "networks have a way out, by IPv4 and IPv6"))
	}
	return checks
}

func checkCapability(name string, lack *hostapi.Capability, fine string) hostapi.Check {
	if lack == nil {
		return ok(name, fine)
	}
	return warn(name, lack.Reason, lack.Remedy)
}
