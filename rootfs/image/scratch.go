package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Scratch is one template of a writable disk: a formatted file system, of which
// the file has only the beginning. What follows in a new disk is zeros.
type Scratch struct {
	// Name is the template's file.
	Name string
	// DiskBytes is the size of the file system, and so of the smallest disk that
	// the template is for.
	DiskBytes int64
	// FileBytes is the length of the file.
	FileBytes int64
}

// Scratches are the templates, by the size of their disk. A disk of the second
// one or a larger one need not be grown before it has space enough to begin with:
// growing takes tens of milliseconds on a processor that is translated, and two
// flushes of the host's disk on any.
var Scratches = []Scratch{
	{Name: "scratch-64m.ext4", DiskBytes: 64 << 20, FileBytes: 64 << 20},
	{Name: "scratch-1g.ext4", DiskBytes: 1 << 30, FileBytes: 40 << 20},
}

// MaxScratchBytes is how far a file system can be grown online with the space
// that is set aside for group descriptors. Beyond it the kernel goes on with
// meta_bg.
const MaxScratchBytes = 64 << 30

const (
	scratchBlock     = 4096
	scratchJournalMB = 8
	// groupBlocks is how many blocks a block group has.
	groupBlocks = 8 * scratchBlock
	// A fixed identity keeps the templates reproducible. It is never looked up:
	// the guest mounts the disk by its device.
	scratchUUID = "ca7d91a0-0000-4000-8000-000000000001"
	scratchSeed = "ca7d91a0-0000-4000-8000-000000000002"
)

// scratchFeatures is the whole set, so that neither /etc/mke2fs.conf nor the
// version of mkfs.ext4 has a say. Why these: has_journal, because what a
// container has fsync-ed must survive a power cut of the host without a file
// system check; resize_inode, for growing online; metadata_csum, to find
// damage; no orphan_file, whose blocks would have to be written out.
var scratchFeatures = []string{
	"none", "has_journal", "ext_attr", "resize_inode", "dir_index", "filetype",
	"extent", "64bit", "flex_bg", "sparse_super", "large_file", "huge_file",
	"dir_nlink", "extra_isize", "metadata_csum",
}

// Make formats the template's file in dir with mkfs.ext4. The file is sparse.
// Equal versions of e2fsprogs give equal bytes.
func (s Scratch) Make(ctx context.Context, dir string) error {
	path := filepath.Join(dir, s.Name)
	formatted := path + ".full"
	defer os.Remove(formatted)
	if err := s.format(ctx, formatted); err != nil {
		return fmt.Errorf("make %s: %w", s.Name, err)
	}
	if err := s.copyBeginning(path, formatted); err != nil {
		return fmt.Errorf("make %s: %w", s.Name, err)
	}
	return nil
}

// format makes a file of the disk's size and runs mkfs.ext4 on it.
func (s Scratch) format(ctx context.Context, path string) error {
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		return err
	}
	if err := os.Truncate(path, s.DiskBytes); err != nil {
		return err
	}
	program, err := mkfsProgram()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, scratchArgs(path)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "MKE2FS_CONFIG=/dev/null",
		// Both spellings of "what time is it": before and since e2fsprogs 1.47.1.
		"E2FSPROGS_FAKE_TIME=1", "SOURCE_DATE_EPOCH=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// copyBeginning copies the first FileBytes of a disk without the blocks of
// zeros: mkfs.ext4 writes 2 MiB of them for the group descriptors to come.
// Behind them there may only be copies of the superblock and of the group
// descriptors, which are needed to repair a disk and are made when it is grown.
func (s Scratch) copyBeginning(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	block, zeros := make([]byte, scratchBlock), make([]byte, scratchBlock)
	for offset, err := nextBlock(in, 0); ; offset, err = nextBlock(in, offset+scratchBlock) {
		if errors.Is(err, io.EOF) {
			return out.Truncate(s.FileBytes)
		}
		if err != nil {
			return err
		}
		if _, err := in.ReadAt(block, offset); err != nil {
			return err
		}
		if bytes.Equal(block, zeros) {
			continue
		}
		if offset >= s.FileBytes {
			if !isCopy(offset) {
				return fmt.Errorf("%s has put something %d bytes into the disk; the file ends at %d", from, offset, s.FileBytes)
			}
			continue
		}
		if _, err := out.WriteAt(block, offset); err != nil {
			return err
		}
	}
}

// nextBlock returns where the first block at offset or behind it is that is in no
// hole of the file, and io.EOF where there is none.
func nextBlock(f *os.File, offset int64) (int64, error) {
	data, err := f.Seek(offset, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return 0, io.EOF
	}
	return data / scratchBlock * scratchBlock, err
}

// isCopy reports whether a block is in the place of the copies that begin some
// block groups: the superblock, and the group descriptors, of which one block
// is enough for 64 groups of 128 MiB.
func isCopy(offset int64) bool { return offset/scratchBlock%groupBlocks < 2 }

func scratchArgs(path string) []string {
	extended := []string{
		"hash_seed=" + scratchSeed,
		"resize=" + strconv.Itoa(MaxScratchBytes/scratchBlock),
		"root_owner=0:0",
		// Blocks of a new sparse disk read as zeros already, so nothing is
		// written for empty inode tables and the empty journal.
		"lazy_itable_init=1", "lazy_journal_init=1", "nodiscard",
		"packed_meta_blocks=1",
	}
	return []string{
		"-q", "-F", "-b", strconv.Itoa(scratchBlock), "-I", "256", "-i", "8192", "-m", "0",
		"-O", strings.Join(scratchFeatures, ","), "-J", "size=" + strconv.Itoa(scratchJournalMB),
		"-U", scratchUUID, "-E", strings.Join(extended, ","), path,
	}
}

// mkfsProgram finds mkfs.ext4 also for users whose PATH lacks sbin.
func mkfsProgram() (string, error) {
	if program, err := exec.LookPath("mkfs.ext4"); err == nil {
		return program, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		program := filepath.Join(dir, "mkfs.ext4")
		if _, err := os.Stat(program); err == nil {
			return program, nil
		}
	}
	return "", fmt.Errorf("mkfs.ext4 is missing: run ci/setup.sh or install e2fsprogs")
}
