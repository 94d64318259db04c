package doctor

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/hostapi"
)

const (
	tunDevice = "/dev/net/tun"
	memInfo   = "/proc/meminfo"
)

func checkPrivileges() hostapi.Check {
	if os.Geteuid() == 0 {
		return ok(CheckPrivileges, "running as root")
	}
	return warn(CheckPrivileges, fmt.Sprintf("running as uid %d: VMs share this user and get no cgroup and no network", os.Geteuid()), "run vmmd as root")
}

func checkTun(device string) hostapi.Check {
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err == nil {
		_ = unix.Close(fd)
		return ok(CheckTun, device+" can be opened")
	}
	remedy := "run vmmd as root"
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
		remedy = "modprobe tun"
	}
	return warn(CheckTun, fmt.Sprintf("%s: %v; VMs get no network", device, err), remedy)
}

// needs is how much space a directory wants, in bytes.
type needs struct{ warn, fail int64 }

var (
	// runDirNeeds: logs and consoles of a few VMs, 2 MiB each at most.
	runDirNeeds = needs{warn: 64 << 20, fail: 4 << 20}
	// dataDirNeeds: kernel, guest root and a few disks.
	dataDirNeeds = needs{warn: 2 << 30, fail: 256 << 20}
)

func checkSpace(name, dir string, n needs) hostapi.Check {
	existing, err := nearestExisting(dir)
	if err != nil {
		return fail(name, err.Error(), "choose another directory with --"+name)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(existing, &st); err != nil {
		return fail(name, fmt.Sprintf("%s: %v", existing, err), "choose another directory with --"+name)
	}
	if err := unix.Access(existing, unix.W_OK); err != nil {
		return fail(name, fmt.Sprintf("%s cannot be written to: %v", existing, err), "run vmmd as root, or choose another directory with --"+name)
	}
	free := int64(st.Bavail) * st.Bsize
	detail := fmt.Sprintf("%s has %s free", dir, size(free))
	switch {
	case free < n.fail:
		return fail(name, detail+"; at least "+size(n.fail)+" is needed", "free space there, or choose another directory with --"+name)
	case free < n.warn:
		return warn(name, detail+"; "+size(n.warn)+" is advised", "free space there, or choose another directory with --"+name)
	}
	return ok(name, detail)
}

// nearestExisting returns dir or the nearest parent that exists.
func nearestExisting(dir string) (string, error) {
	for {
		info, err := os.Stat(dir)
		switch {
		case err == nil && info.IsDir():
			return dir, nil
		case err == nil:
			return "", fmt.Errorf("%s is no directory", dir)
		case !errors.Is(err, fs.ErrNotExist) || filepath.Dir(dir) == dir:
			return "", err
		}
		dir = filepath.Dir(dir)
	}
}

// Memory that is advised and needed for one small VM, in bytes.
const (
	warnMemory = 1 << 30
	failMemory = 192 << 20
)

func checkMemory(path string) hostapi.Check {
	available, err := availableMemory(path)
	if err != nil {
		return warn(CheckMemory, err.Error(), "mount /proc")
	}
	detail := size(available) + " of memory is available"
	switch {
	case available < failMemory:
		return fail(CheckMemory, detail+"; a small VM needs "+size(failMemory), "end other programs, or give the host more memory")
	case available < warnMemory:
		return warn(CheckMemory, detail+"; "+size(warnMemory)+" is advised", "end other programs, or give the host more memory")
	}
	return ok(CheckMemory, detail)
}

// availableMemory returns MemAvailable of /proc/meminfo, in bytes.
func availableMemory(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && fields[0] == "MemAvailable:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10, err
		}
	}
	if err := lines.Err(); err != nil {
		return 0, err
	}
	return 0, fmt.Errorf("%s has no MemAvailable", path)
}

// size renders bytes for people.
func size(n int64) string {
	const units = "KMGTPE"
	value, unit := float64(n), ""
	for i := 0; value >= 1024 && i < len(units); i++ {
		value, unit = value/1024, units[i:i+1]+"i"
	}
	return strings.TrimSuffix(strconv.FormatFloat(value, 'f', 1, 64), ".0") + " " + unit + "B"
}
