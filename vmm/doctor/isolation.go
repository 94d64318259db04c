package doctor

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cardplane/cardplane/openapi/hostapi"
)

// checkIsolation runs the checks of what keeps VMs apart from each other and
// from the host.
func checkIsolation(cfg Config) []hostapi.Check {
	var checks []hostapi.Check
	if cfg.Users != nil {
		checks = append(checks, checkUsers(cfg.Users()))
	}
	if cfg.Cgroups != nil {
		checks = append(checks, checkCgroup(cfg.Cgroups()))
	}
	if cfg.Landlock != nil {
		checks = append(checks, checkLandlock(cfg.Landlock()))
	}
	checks = append(checks, checkSeccomp(seccompActions))
	if cfg.HugePages != nil {
		checks = append(checks, checkHugePages(cfg.HugePages()))
	}
	return checks
}

// checkUsers takes the users that VMMs get, or why they get none. An error
// that keeps vmmd from its start is a failure.
func checkUsers(users string, err error) hostapi.Check {
	var lack interface {
		error
		Remedy() (remedy string, fatal bool)
	}
	switch {
	case err == nil:
		return ok(CheckUsers, users)
	case !errors.As(err, &lack):
		return warn(CheckUsers, err.Error(), "run vmmd as root")
	}
	remedy, fatal := lack.Remedy()
	if fatal {
		return fail(CheckUsers, err.Error(), remedy)
	}
	return warn(CheckUsers, err.Error(), remedy)
}

func checkCgroup(err error) hostapi.Check {
	if err != nil {
		return warn(CheckCgroup, err.Error(),
			"run vmmd as root where cgroup v2 is mounted with all its controllers (boot parameter systemd.unified_cgroup_hierarchy=1 or cgroup_no_v1=all)")
	}
	return ok(CheckCgroup, "each VM gets a cgroup with limits of CPU, memory and processes")
}

// Versions of Landlock from which on it can do more.
const (
	landlockTCP     = 4
	landlockDevices = 5
	landlockScopes  = 6
)

func checkLandlock(abi int, err error) hostapi.Check {
	if err != nil {
		return warn(CheckLandlock, fmt.Sprintf("%v; VMMs are kept from other files by their user alone", err),
			"boot Linux 5.13 or later, built with CONFIG_SECURITY_LANDLOCK, with landlock in the boot parameter lsm=")
	}
	var without []string
	for version, what := range map[int]string{landlockTCP: "TCP", landlockDevices: "device controls", landlockScopes: "signals and abstract sockets"} {
		if abi < version {
			without = append(without, what)
		}
	}
	detail := fmt.Sprintf("version %d confines VMMs to their own files", abi)
	if len(without) > 0 {
		detail += "; it knows nothing of " + strings.Join(without, ", ")
	}
	return ok(CheckLandlock, detail)
}

const seccompActions = "/proc/sys/kernel/seccomp/actions_avail"

func checkSeccomp(path string) hostapi.Check {
	text, err := os.ReadFile(path)
	if err == nil && strings.Contains(string(text), "trap") {
		return ok(CheckSeccomp, "VMMs filter their system calls")
	}
	if err == nil {
		err = fmt.Errorf("%s says %.80q", path, strings.TrimSpace(string(text)))
	}
	return warn(CheckSeccomp, fmt.Sprintf("%v; VMMs may not start, or run without filters", err), "boot a kernel built with CONFIG_SECCOMP_FILTER")
}

// checkHugePages only informs: a VM gets huge pages when it asks for them.
func checkHugePages(free int64, err error) hostapi.Check {
	switch {
	case err != nil:
		return ok(CheckHugePages, err.Error())
	case free == 0:
		return ok(CheckHugePages, "none are free; VMs that ask for them are refused (sysctl vm.nr_hugepages sets them aside)")
	}
	return ok(CheckHugePages, fmt.Sprintf("%d are free", free))
}
