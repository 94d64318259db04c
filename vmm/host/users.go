package host

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/cardplane/cardplane/vmm/host/internal/procs"
)

// UsersLack is why VMMs have no users that are theirs alone.
type UsersLack struct {
	// Detail is what was found.
	Detail string
	remedy string
	fatal  bool
}

// Error returns the detail.
func (l *UsersLack) Error() string { return l.Detail }

// Remedy returns the one act that mends it, and whether vmmd does not start
// before it is done.
func (l *UsersLack) Remedy() (remedy string, fatal bool) { return l.remedy, l.fatal }

// CheckUsers says why VMMs would have no users of their own, if they were given
// uids and their files were in dirs: nil or a *UsersLack. It changes nothing.
func CheckUsers(uids UIDRange, dirs ...string) error {
	if uids == (UIDRange{}) && os.Geteuid() == 0 {
		return &UsersLack{Detail: "VMMs run as root", remedy: "give vmmd a range of uids with --vm-uids"}
	}
	if uids == (UIDRange{}) {
		return &UsersLack{Detail: fmt.Sprintf("VMMs run as uid %d, which all VMs share with vmmd", os.Geteuid()), remedy: "run vmmd as root"}
	}
	for _, dir := range dirs {
		if closed := procs.ClosedParent(dir); closed != "" {
			return &UsersLack{
				Detail: fmt.Sprintf("directory %s lets no other user pass to %s", closed, dir), remedy: "chmod o+x " + closed, fatal: true,
			}
		}
	}
	for _, file := range []string{"/etc/passwd", "/etc/subuid"} {
		if owner := takes(file, uids); owner != "" {
			return &UsersLack{
				Detail: fmt.Sprintf("%s gives uids of %s to %s", file, uids, owner), remedy: "give vmmd a range that nobody else has with --vm-uids",
			}
		}
	}
	return nil
}

// takes returns whose line in file, of passwd(5) or subuid(5), takes uids of
// the range; "" if none does.
func takes(file string, uids UIDRange) string {
	f, err := os.Open(file)
	if err != nil {
		return "" // nobody is named
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) < 3 {
			continue
		}
		// name:x:uid:… or name:first:count
		first, count := fields[2], "1"
		if len(fields) == 3 {
			first, count = fields[1], fields[2]
		}
		from, errFrom := strconv.Atoi(first)
		n, errN := strconv.Atoi(count)
		if errFrom == nil && errN == nil && from <= uids.Last && from+n > uids.First {
			return fields[0]
		}
	}
	return ""
}
