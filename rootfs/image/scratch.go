package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Geometry of the scratch template.
const (
	// ScratchBytes is the length of the template, and so the smallest disk.
	ScratchBytes = 64 << 20
	// MaxScratchBytes is how far the file system can be grown online with the
	// space that is set aside for group descriptors. Beyond it the kernel goes
	// on with meta_bg.
	MaxScratchBytes = 64 << 30

	scratchBlock     = 4096
	scratchJournalMB = 8
	// A fixed identity keeps the template reproducible. It is never looked up:
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

// MakeScratch formats the template file at path with mkfs.ext4. The file is
// sparse. Equal versions of e2fsprogs give equal bytes.
func MakeScratch(ctx context.Context, path string) error {
	formatted := path + ".full"
	defer os.Remove(formatted)
	if err := format(ctx, formatted); err != nil {
		return fmt.Errorf("make scratch template: %w", err)
	}
	if err := copySparse(path, formatted); err != nil {
		return fmt.Errorf("make scratch template: %w", err)
	}
	return nil
}

// format makes the file and runs mkfs.ext4 on it.
func format(ctx context.Context, path string) error {
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		return err
	}
	if err := os.Truncate(path, ScratchBytes); err != nil {
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

// copySparse copies a file without its blocks of zeros: mkfs.ext4 writes 2 MiB
// of them for the group descriptors to come.
func copySparse(to, from string) (err error) {
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
	for offset := int64(0); offset < ScratchBytes; offset += scratchBlock {
		if _, err := in.ReadAt(block, offset); err != nil {
			return err
		}
		if bytes.Equal(block, zeros) {
			continue
		}
		if _, err := out.WriteAt(block, offset); err != nil {
			return err
		}
	}
	return out.Truncate(ScratchBytes)
}

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
