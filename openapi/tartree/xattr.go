package tartree

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// xattrRecord is what begins the name of a PAX record with an extended
// attribute, as GNU tar and libarchive write it.
const xattrRecord = "SCHILY.xattr."

// maxAttributes bounds the extended attributes of a file, in bytes.
const maxAttributes = 512 << 10

// copied reports whether an extended attribute is part of a file, rather than
// of the file system or the machine that it is on.
func copied(name string) bool {
	switch name {
	case "security.capability", "system.posix_acl_access", "system.posix_acl_default":
		return true
	}
	return strings.HasPrefix(name, "user.")
}

// attributes returns the extended attributes of f as PAX records.
func attributes(f *os.File) (map[string]string, error) {
	fd := int(f.Fd())
	size, err := unix.Flistxattr(fd, nil)
	if size <= 0 || err != nil {
		return nil, noAttributes(err)
	}
	list := make([]byte, size)
	if size, err = unix.Flistxattr(fd, list); err != nil {
		return nil, noAttributes(err)
	}
	records, left := map[string]string{}, maxAttributes
	for name := range strings.SplitSeq(string(list[:size]), "\x00") {
		if !copied(name) {
			continue
		}
		value := make([]byte, 64<<10) // the kernel has no longer ones
		n, err := unix.Fgetxattr(fd, name, value)
		if is(err, unix.ENODATA) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		if left -= len(name) + n; left < 0 {
			return nil, unix.E2BIG
		}
		records[xattrRecord+name] = string(value[:n])
	}
	return records, nil
}

// noAttributes hides that a file system has no extended attributes, and that
// they have changed between two looks.
func noAttributes(err error) error {
	if is(err, unix.ENOTSUP, unix.ERANGE, unix.EPERM, unix.EACCES) {
		return nil
	}
	return err
}

// setAttributes gives f the extended attributes that a tar has for it.
func setAttributes(f *os.File, records map[string]string) error {
	for key, value := range records {
		name, ok := strings.CutPrefix(key, xattrRecord)
		if !ok || !copied(name) {
			continue
		}
		if err := unix.Fsetxattr(int(f.Fd()), name, []byte(value), 0); err != nil && !is(err, unix.ENOTSUP) {
			return err
		}
	}
	return nil
}
