package tartree

import (
	"archive/tar"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// maxTail bounds what is read after the end of a tar, in bytes.
const maxTail = 1 << 20

// ExtractOptions say how Extract writes.
type ExtractOptions struct {
	// Owners gives files the owners that the tar names, and with them their
	// set-id bits. Otherwise they are the caller's.
	Owners bool
	// InRoot says that the directory is the root of all paths in it, so that
	// absolute links are followed to where they lead in it.
	InRoot bool
	// Rename returns the name that an entry gets, "" for the directory itself.
	// Nil keeps all names.
	Rename func(name string) (string, error)
	// Top gives the directory itself the attributes that the tar has for it.
	Top bool
	// LeftOut is told of what cannot be written, which is an error if it is nil.
	LeftOut func(name, why string)
}

// Extract writes the files of a tar beneath dir. A file takes the place of
// another that has its name at once and whole; directories are merged; nothing
// is replaced by something of another kind. After an error what was written
// before stays.
func Extract(r io.Reader, dir *os.File, opts ExtractOptions) error {
	x := &extractor{dir: dir, opts: opts, buffer: make([]byte, bufferSize), tar: tar.NewReader(r), resolve: unix.RESOLVE_BENEATH}
	if opts.InRoot {
		x.resolve = unix.RESOLVE_IN_ROOT
	}
	defer x.leaveParent()
	for {
		h, err := x.tar.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return unreadable(err)
		}
		if err := x.entry(h); err != nil {
			return err
		}
	}
	if err := x.finishDirectories("", true); err != nil {
		return err
	}
	// What comes after the tar is its padding. A cut shows here at the latest.
	if _, err := io.Copy(io.Discard, io.LimitReader(r, maxTail)); err != nil {
		return unreadable(err)
	}
	return nil
}

// unreadable is the error for a tar that cannot be read further. Who hands the
// tar over may have said better why.
func unreadable(err error) error {
	for _, malformed := range []error{tar.ErrHeader, tar.ErrFieldTooLong, io.ErrUnexpectedEOF} {
		if errors.Is(err, malformed) && !errors.As(err, new(*apierr.Error)) {
			return apierr.New(apierr.InvalidArgument, "archive_malformed", "the archive is no tar, or not a whole one: %w; send an uncompressed tar", err)
		}
	}
	return err
}

type extractor struct {
	tar     *tar.Reader
	dir     *os.File
	opts    ExtractOptions
	resolve uint64
	buffer  []byte

	// parent is the open directory of the last entry, parentName its name.
	parent     *os.File
	parentName string
	// unfinished are the directories that the last entry is in, outermost
	// first. They get their attributes once nothing more is written to them.
	unfinished []directory
}

type directory struct {
	name   string
	header *tar.Header
}

// entry writes one entry.
func (x *extractor) entry(h *tar.Header) error {
	name, err := x.name(h.Name)
	if err != nil {
		return err
	}
	if err := x.finishDirectories(name, false); err != nil {
		return err
	}
	if name == "" {
		if h.Typeflag != tar.TypeDir {
			return apierr.New(apierr.InvalidArgument, "archive_malformed", "the archive has a file without a name")
		}
		if x.opts.Top {
			x.unfinished = append(x.unfinished, directory{"", h})
		}
		return nil
	}
	parent, err := x.enter(path.Dir(name), 0)
	if err != nil {
		return failed(name, err)
	}
	return failed(name, x.write(parent, name, h))
}

// name returns the name of an entry beneath the directory.
func (x *extractor) name(text string) (string, error) {
	for part := range strings.SplitSeq(text, "/") {
		if part == ".." {
			return "", escapes(text)
		}
	}
	name := strings.TrimPrefix(path.Clean("/"+text), "/")
	if x.opts.Rename == nil {
		return name, nil
	}
	return x.opts.Rename(name)
}

func (x *extractor) write(parent *os.File, name string, h *tar.Header) error {
	base := path.Base(name)
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse:
		return x.regular(parent, base, h)
	case tar.TypeDir:
		return x.directory(parent, name, h)
	case tar.TypeSymlink:
		return x.replace(parent, base, func(temporary string) error {
			if err := unix.Symlinkat(h.Linkname, int(parent.Fd()), temporary); err != nil || !x.opts.Owners {
				return err
			}
			return unix.Fchownat(int(parent.Fd()), temporary, h.Uid, h.Gid, unix.AT_SYMLINK_NOFOLLOW)
		})
	case tar.TypeLink:
		return x.link(parent, base, h)
	case tar.TypeXGlobalHeader:
		return nil
	}
	why := "it is neither a file nor a directory nor a link"
	if x.opts.LeftOut != nil {
		x.opts.LeftOut(name, why)
		return nil
	}
	return apierr.New(apierr.InvalidArgument, "archive_unsupported", "%q cannot be copied: %s; leave it out of the archive", name, why)
}

// enter opens the directory name, which is made if it is missing.
func (x *extractor) enter(name string, depth int) (*os.File, error) {
	if x.parent != nil && x.parentName == name {
		return x.parent, nil
	}
	f, err := open(x.dir, name, unix.O_PATH|unix.O_DIRECTORY, x.resolve)
	if is(err, unix.ENOENT) && depth < maxDepth {
		var above *os.File
		if above, err = x.enter(path.Dir(name), depth+1); err != nil {
			return nil, err
		}
		if err := unix.Mkdirat(int(above.Fd()), path.Base(name), 0o755); err != nil && !is(err, unix.EEXIST) {
			return nil, err
		}
		f, err = open(x.dir, name, unix.O_PATH|unix.O_DIRECTORY, x.resolve)
	}
	if err != nil {
		return nil, err
	}
	x.leaveParent()
	x.parent, x.parentName = f, name
	return f, nil
}

func (x *extractor) leaveParent() {
	if x.parent != nil {
		_ = x.parent.Close()
		x.parent = nil
	}
}

// replace has make make a file of a name that no other has, and gives it the
// name base, at once and for whatever had it before but a directory.
func (x *extractor) replace(parent *os.File, base string, make func(temporary string) error) error {
	fd, temporary := int(parent.Fd()), ".cardplane-"+rand.Text()
	err := make(temporary)
	if err == nil {
		err = unix.Renameat(fd, temporary, fd, base)
	}
	// Nothing is left of it, also where both names were of one file already,
	// which renaming leaves as they are.
	if undo := unix.Unlinkat(fd, temporary, 0); undo != nil && !is(undo, unix.ENOENT) {
		err = errors.Join(err, undo)
	}
	return err
}

func (x *extractor) regular(parent *os.File, base string, h *tar.Header) error {
	return x.replace(parent, base, func(temporary string) error {
		fd, err := unix.Openat(int(parent.Fd()), temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return err
		}
		f := os.NewFile(uintptr(fd), temporary)
		if _, err := io.CopyBuffer(onlyWriter{f}, x.tar, x.buffer); err != nil {
			return errors.Join(unreadable(err), f.Close())
		}
		return errors.Join(x.finish(f, h), f.Close())
	})
}

// onlyWriter hides what else a file can do, so that a copy uses its buffer.
type onlyWriter struct{ io.Writer }

// link gives a file that was written before a further name.
func (x *extractor) link(parent *os.File, base string, h *tar.Header) error {
	target, err := x.name(h.Linkname)
	if err != nil {
		return err
	}
	dir, err := open(x.dir, path.Dir(target), unix.O_PATH|unix.O_DIRECTORY, x.resolve)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	return x.replace(parent, base, func(temporary string) error {
		return unix.Linkat(int(dir.Fd()), path.Base(target), int(parent.Fd()), temporary, 0)
	})
}

// directory makes a directory, or finds the one there is. A symbolic link to
// one will do, and is not touched.
func (x *extractor) directory(parent *os.File, name string, h *tar.Header) error {
	err := unix.Mkdirat(int(parent.Fd()), path.Base(name), 0o700)
	if is(err, unix.EEXIST) {
		var stat unix.Stat_t
		if err := unix.Fstatat(int(parent.Fd()), path.Base(name), &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
		if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
			_, err := x.enter(name, maxDepth)
			return err
		}
	} else if err != nil {
		return err
	}
	if len(x.unfinished) >= maxDepth {
		return unix.ENAMETOOLONG
	}
	x.unfinished = append(x.unfinished, directory{name, h})
	return nil
}

// finishDirectories gives the directories that name is not in, or all of them,
// their attributes.
func (x *extractor) finishDirectories(name string, all bool) error {
	for len(x.unfinished) > 0 {
		last := x.unfinished[len(x.unfinished)-1]
		if !all && (last.name == "" || strings.HasPrefix(name, last.name+"/")) {
			return nil
		}
		x.unfinished = x.unfinished[:len(x.unfinished)-1]
		if err := x.finishDirectory(last); err != nil {
			return failed(last.name, err)
		}
	}
	return nil
}

func (x *extractor) finishDirectory(d directory) error {
	f, err := open(x.dir, path.Join(".", d.name), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, x.resolve)
	if err != nil {
		return err
	}
	return errors.Join(x.finish(f, d.header), f.Close())
}

// finish gives f its attributes. The order matters: a change of owner takes
// capabilities and set-id bits away.
func (x *extractor) finish(f *os.File, h *tar.Header) error {
	mode := uint32(h.Mode) & 0o777
	if x.opts.Owners {
		mode = uint32(h.Mode) & 0o7777
		if err := f.Chown(h.Uid, h.Gid); err != nil {
			return err
		}
	}
	if err := setAttributes(f, h.PAXRecords); err != nil {
		return err
	}
	if err := unix.Fchmod(int(f.Fd()), mode); err != nil {
		return err
	}
	return setTime(f, h.ModTime)
}

func setTime(f *os.File, at time.Time) error {
	stamp := unix.NsecToTimeval(at.UnixNano())
	return unix.Futimes(int(f.Fd()), []unix.Timeval{stamp, stamp})
}
