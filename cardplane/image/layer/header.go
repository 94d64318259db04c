package layer

import (
	"archive/tar"
	"strings"
	"syscall"

	"github.com/cardplane/cardplane/cardplane/image/mkerofs"
)

// paxXattr introduces an extended attribute in a PAX record.
const paxXattr = "SCHILY.xattr."

// inode returns the inode that hdr describes.
func (m *Merger) inode(hdr *tar.Header) (*mkerofs.Inode, error) {
	typ, err := fileType(hdr)
	if err != nil {
		return nil, err
	}
	if hdr.Uid < 0 || hdr.Uid > maxID || hdr.Gid < 0 || hdr.Gid > maxID {
		return nil, corrupt("owner %d:%d is out of range", hdr.Uid, hdr.Gid)
	}
	inode := &mkerofs.Inode{
		Mode:      typ | uint32(hdr.Mode)&0o7777,
		UID:       uint32(hdr.Uid),
		GID:       uint32(hdr.Gid),
		Mtime:     hdr.ModTime.Unix(),
		MtimeNsec: uint32(hdr.ModTime.Nanosecond()),
	}
	switch typ {
	case syscall.S_IFREG:
		inode.Size = hdr.Size
	case syscall.S_IFLNK:
		if hdr.Linkname == "" || len(hdr.Linkname) > maxPath {
			return nil, corrupt("a symbolic link to %d bytes", len(hdr.Linkname))
		}
		inode.Mode = typ | 0o777 // what lstat(2) says of any symbolic link
		inode.Target = strings.Clone(hdr.Linkname)
	case syscall.S_IFCHR, syscall.S_IFBLK:
		if hdr.Devmajor < 0 || hdr.Devmajor > maxMajor || hdr.Devminor < 0 || hdr.Devminor > maxMinor {
			return nil, corrupt("device number %d:%d is out of range", hdr.Devmajor, hdr.Devminor)
		}
		inode.Major, inode.Minor = uint32(hdr.Devmajor), uint32(hdr.Devminor)
	}
	return inode, m.setXattrs(inode, hdr)
}

// isOverlayWhiteout reports whether overlayfs would take i for the mark of a
// name that was removed.
func isOverlayWhiteout(i *mkerofs.Inode) bool {
	return i.Mode&syscall.S_IFMT == syscall.S_IFCHR && i.Major == 0 && i.Minor == 0
}

func fileType(hdr *tar.Header) (uint32, error) {
	switch hdr.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		return syscall.S_IFREG, nil
	case tar.TypeDir:
		return syscall.S_IFDIR, nil
	case tar.TypeSymlink:
		return syscall.S_IFLNK, nil
	case tar.TypeChar:
		return syscall.S_IFCHR, nil
	case tar.TypeBlock:
		return syscall.S_IFBLK, nil
	case tar.TypeFifo:
		return syscall.S_IFIFO, nil
	}
	return 0, corrupt("unknown type %q", hdr.Typeflag)
}

func (m *Merger) setXattrs(inode *mkerofs.Inode, hdr *tar.Header) error {
	total := 0
	for key, value := range hdr.PAXRecords {
		name, ok := strings.CutPrefix(key, paxXattr)
		if !ok || !keepXattr(name) {
			continue
		}
		total += len(name) + len(value)
		if total > maxXattr {
			return corrupt("more than %d bytes of extended attributes", maxXattr)
		}
		if inode.Xattrs == nil {
			inode.Xattrs = make(map[string]string)
		}
		inode.Xattrs[strings.Clone(name)] = strings.Clone(value)
	}
	return m.spend(0, 0, int64(total))
}

func keepXattr(name string) bool {
	return mkerofs.XattrSupported(name) &&
		!strings.HasPrefix(name, "trusted.overlay.") && !strings.HasPrefix(name, "user.overlay.")
}
