package disk

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

const origin = "sha256:origin"

// source is a blob store with one blob: 1 MiB with data in the middle.
func source(t *testing.T) (Source, []byte) {
	t.Helper()
	data := make([]byte, 1<<20)
	copy(data[300_000:], "in the middle")
	path := filepath.Join(t.TempDir(), "blob")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteAt(data[300_000:300_100], 300_000); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(1 << 20); err != nil {
		t.Fatal(err)
	}
	return func(digest string) (string, int64, error) {
		if digest != origin {
			return "", 0, apierr.New(apierr.NotFound, "blob_not_found", "no blob %s", digest)
		}
		return path, 1 << 20, nil
	}, data
}

func open(t *testing.T, dir string, step Step) (*Store, []byte) {
	t.Helper()
	blob, data := source(t)
	s, err := Open(dir, blob, step)
	if err != nil {
		t.Fatal(err)
	}
	return s, data
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if !apierr.Is(err, code) {
		t.Fatalf("got %v, want code %s", err, code)
	}
}

func fromBlob(size int64) hostapi.DiskSpec {
	digest := origin
	return hostapi.DiskSpec{SizeBytes: size, FromBlob: &digest}
}

func TestFromBlob(t *testing.T) {
	dir := t.TempDir()
	s, data := open(t, dir, nil)
	d, err := s.Put("d", fromBlob(64<<20))
	if err != nil || d.AllocatedBytes > 128<<10 {
		t.Fatalf("%+v, %v", d, err)
	}
	path, err := s.Path("d")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || len(got) != 64<<20 || !bytes.Equal(got[:1<<20], data) || len(bytes.Trim(got[1<<20:], "\x00")) > 0 {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

// The same request leaves a disk alone, what was written to it included.
func TestPutIsIdempotent(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir, nil)
	first, err := s.Put("d", fromBlob(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	path, _ := s.Path("d")
	if err := os.WriteFile(path, []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ = open(t, dir, nil)
	again, err := s.Put("d", fromBlob(1<<20))
	if err != nil || !again.CreatedAt.Equal(first.CreatedAt) {
		t.Fatalf("%+v, %v", again, err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "changed" {
		t.Fatalf("%q, %v", got, err)
	}
	_, err = s.Put("d", hostapi.DiskSpec{SizeBytes: 1 << 20})
	wantCode(t, err, "disk_exists")
}

// A disk grows with its contents, does not shrink, and is what it was, or what
// was asked for, wherever that is broken off.
func TestGrow(t *testing.T) {
	for _, at := range []string{"", OpGrow, OpRecord} {
		dir := t.TempDir()
		s, _ := open(t, dir, nil)
		if _, err := s.Put("d", fromBlob(2<<20)); err != nil {
			t.Fatal(err)
		}
		path, _ := s.Path("d")
		if at != "" {
			s, _ = open(t, dir, func(op string) error {
				if op == at {
					return unix.ENOSPC
				}
				return nil
			})
			_, err := s.Put("d", fromBlob(4<<20))
			wantCode(t, err, "disk_full")
			s, _ = open(t, dir, nil)
			if d, err := s.Get("d"); err != nil || d.Spec.SizeBytes != 2<<20 {
				t.Fatalf("%s: %+v, %v", at, d, err)
			}
		}
		d, err := s.Put("d", fromBlob(4<<20))
		if err != nil || d.Spec.SizeBytes != 4<<20 {
			t.Fatalf("%s: %+v, %v", at, d, err)
		}
		if got, err := os.ReadFile(path); err != nil || len(got) != 4<<20 || !bytes.Contains(got, []byte("in the middle")) {
			t.Fatalf("%s: %d bytes, %v", at, len(got), err)
		}
		_, err = s.Put("d", fromBlob(2<<20))
		wantCode(t, err, "disk_exists")
	}
}

func TestBadRequests(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir, nil)
	absent := "sha256:absent"
	for name, tc := range map[string]struct {
		spec hostapi.DiskSpec
		code string
	}{
		"zero":           {hostapi.DiskSpec{}, "invalid_disk_size"},
		"negative":       {hostapi.DiskSpec{SizeBytes: -4096}, "invalid_disk_size"},
		"no multiple":    {hostapi.DiskSpec{SizeBytes: 4097}, "invalid_disk_size"},
		"absurd":         {hostapi.DiskSpec{SizeBytes: MaxSize + 4096}, "invalid_disk_size"},
		"less than blob": {fromBlob(1<<20 - 4096), "disk_too_small"},
		"no blob":        {hostapi.DiskSpec{SizeBytes: 4096, FromBlob: &absent}, "blob_not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Put("d", tc.spec)
			wantCode(t, err, tc.code)
			wantEmpty(t, dir)
		})
	}
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Fatalf("left: %v, %v", entries, err)
	}
}

// A full disk at any step is told and leaves nothing.
func TestFullDisk(t *testing.T) {
	for _, at := range []string{OpRecord, OpFill, OpPlace} {
		dir := t.TempDir()
		s, _ := open(t, dir, func(op string) error {
			if op == at {
				return unix.ENOSPC
			}
			return nil
		})
		if _, err := s.Put("d", hostapi.DiskSpec{SizeBytes: 4096}); !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("%s: %v", at, err)
		}
		wantEmpty(t, dir)
	}
}

// A disk that was not finished when the daemon died is no disk, and goes.
func TestUnfinishedDisksGo(t *testing.T) {
	for _, left := range [][]string{{}, {"disk.json.tmp"}, {"disk.json"}, {"disk.json", "raw.tmp"}} {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "d"), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range left {
			if err := os.WriteFile(filepath.Join(dir, "d", name), []byte("{}"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, _ := open(t, dir, nil)
		wantEmpty(t, dir)
		if disks, err := s.List(); err != nil || len(disks) > 0 {
			t.Fatalf("%v, %v", disks, err)
		}
	}
}

func TestDelete(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir, nil)
	for _, id := range []string{"b", "a"} {
		if _, err := s.Put(id, hostapi.DiskSpec{SizeBytes: 4096}); err != nil {
			t.Fatal(err)
		}
	}
	if disks, err := s.List(); err != nil || len(disks) != 2 || disks[0].Id != "a" {
		t.Fatalf("%v, %v", disks, err)
	}
	for range 2 {
		if err := errors.Join(s.Delete("a"), s.Delete("b")); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.Get("a")
	wantCode(t, err, "disk_not_found")
	wantEmpty(t, dir)
}

func TestConcurrentPutsAndDeletes(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir, nil)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 10 {
				if _, err := s.Put("d", fromBlob(1<<20)); err != nil {
					t.Errorf("put: %v", err)
				}
				if err := s.Delete("d"); err != nil {
					t.Errorf("delete: %v", err)
				}
			}
		})
	}
	all.Wait()
	wantEmpty(t, dir)
}
