package disk

import (
	"bytes"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/hostapi"
)

func fromDisk(id string, size int64) hostapi.DiskSpec {
	return hostapi.DiskSpec{SizeBytes: size, FromDisk: &id}
}

// A copy holds what the other disk held, is sparse, and needs it no more.
func TestFromDisk(t *testing.T) {
	dir := t.TempDir()
	s, data := open(t, dir, nil)
	if _, err := s.Put("d", fromBlob(64<<20)); err != nil {
		t.Fatal(err)
	}
	first, err := s.Put("copy", fromDisk("d", 128<<20))
	if err != nil || first.AllocatedBytes > 128<<10 {
		t.Fatalf("%+v, %v", first, err)
	}
	path, _ := s.Path("copy")
	got, err := os.ReadFile(path)
	if err != nil || len(got) != 128<<20 || !bytes.Equal(got[:1<<20], data) || len(bytes.Trim(got[1<<20:], "\x00")) > 0 {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	original, _ := s.Path("d")
	if err := os.WriteFile(original, []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete("d"); err != nil {
		t.Fatal(err)
	}
	again, err := s.Put("copy", fromDisk("d", 128<<20))
	if err != nil || !again.CreatedAt.Equal(first.CreatedAt) {
		t.Fatalf("%+v, %v", again, err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, got) {
		t.Fatalf("%d bytes, %v", len(now), err)
	}
	_, err = s.Put("copy", fromBlob(128<<20))
	wantCode(t, err, "disk_exists")
	_, err = s.Put("copy", fromDisk("e", 128<<20))
	wantCode(t, err, "disk_exists")
}

func TestBadOrigins(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir, nil)
	both := fromBlob(1 << 20)
	both.FromDisk = new(string)
	_, err := s.Put("copy", both)
	wantCode(t, err, "invalid_disk_origin")
	_, err = s.Put("copy", fromDisk("d", 1<<20))
	wantCode(t, err, "disk_not_found")
	wantEmpty(t, dir)
	if _, err := s.Put("d", fromBlob(2<<20)); err != nil {
		t.Fatal(err)
	}
	_, err = s.Put("copy", fromDisk("d", 1<<20))
	wantCode(t, err, "disk_too_small")
	s.step = func(op string) error {
		if op == OpFill {
			return unix.ENOSPC
		}
		return nil
	}
	_, err = s.Put("copy", fromDisk("d", 2<<20))
	wantCode(t, err, "disk_full")
	if disks, err := s.List(); err != nil || len(disks) != 1 {
		t.Fatalf("%v, %v", disks, err)
	}
}

// A disk is lent until its last copy is made.
func TestLend(t *testing.T) {
	s, _ := open(t, t.TempDir(), nil)
	_, err := s.Lend("d")
	wantCode(t, err, "disk_not_found")
	if _, err := s.Put("d", hostapi.DiskSpec{SizeBytes: 4096}); err != nil {
		t.Fatal(err)
	}
	first, err := s.Lend("d")
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Lend("d")
	if err != nil {
		t.Fatal(err)
	}
	first()
	wantCode(t, s.Lent("d"), "disk_busy")
	second()
	if err := s.Lent("d"); err != nil {
		t.Fatal(err)
	}
}
