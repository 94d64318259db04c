package blob

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/apierr"
)

func open(t *testing.T, dir string, step Step) *Store {
	t.Helper()
	s, err := Open(dir, step)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return digestPrefix + hex.EncodeToString(sum[:])
}

func randomBytes(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.Read(data)
	return data
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if !apierr.Is(err, code) {
		t.Fatalf("got %v, want code %s", err, code)
	}
}

// wantContent fails unless the complete blob holds data.
func wantContent(t *testing.T, s *Store, data []byte) {
	t.Helper()
	path, size, err := s.Path(digestOf(data))
	if err != nil || size != int64(len(data)) {
		t.Fatalf("path: %d bytes, %v", size, err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("content differs: %v", err)
	}
}

func TestWhole(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	data := randomBytes(300_001)
	for range 2 { // the second time it is there already, and not read
		b, err := s.Append(digestOf(data), int64(len(data)), Run{Body: bytes.NewReader(data)})
		if err != nil || !b.Complete || b.ReceivedBytes != int64(len(data)) {
			t.Fatalf("%+v, %v", b, err)
		}
	}
	wantContent(t, s, data)
	wantContent(t, open(t, dir, nil), data)
}

// An upload in pieces, each by another process, ends with the right bytes,
// and the offset is checked at each.
func TestResume(t *testing.T) {
	dir := t.TempDir()
	data := randomBytes(100_000)
	size := int64(len(data))
	digest := digestOf(data)
	for offset := int64(0); offset < size; {
		s := open(t, dir, nil)
		if offset > 0 {
			b, err := s.Stat(digest)
			if err != nil || b.Complete || b.ReceivedBytes != offset || b.SizeBytes != size {
				t.Fatalf("at %d: %+v, %v", offset, b, err)
			}
			_, _, err = s.Path(digest)
			wantCode(t, err, "blob_incomplete")
		}
		_, err := s.Append(digest, size, Run{Offset: offset + 1, Body: bytes.NewReader(data[offset:])})
		wantCode(t, err, "offset_mismatch")
		if offset > 0 {
			_, err := s.Append(digest, size+1, Run{Offset: offset, Body: bytes.NewReader(data[offset:])})
			wantCode(t, err, "size_mismatch")
		}
		end := min(size, offset+33_333)
		if _, err := s.Append(digest, size, Run{Offset: offset, Body: bytes.NewReader(data[offset:end])}); err != nil {
			t.Fatal(err)
		}
		offset = end
	}
	wantContent(t, open(t, dir, nil), data)
}

// What arrived before a body broke is kept.
func TestCutBody(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	data := randomBytes(50_000)
	cut := io.MultiReader(bytes.NewReader(data[:20_000]), iotest.ErrReader(io.ErrUnexpectedEOF))
	_, err := s.Append(digestOf(data), 50_000, Run{Body: cut})
	wantCode(t, err, "upload_cut")
	if b, err := s.Stat(digestOf(data)); err != nil || b.ReceivedBytes != 20_000 {
		t.Fatalf("%+v, %v", b, err)
	}
	if _, err := s.Append(digestOf(data), 50_000, Run{Offset: 20_000, Body: bytes.NewReader(data[20_000:])}); err != nil {
		t.Fatal(err)
	}
	wantContent(t, s, data)
}

func TestWrongBytesAreDropped(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	_, err := s.Append(digestOf([]byte("right")), 5, Run{Body: bytes.NewReader([]byte("wrong"))})
	wantCode(t, err, "digest_mismatch")
	_, err = s.Stat(digestOf([]byte("right")))
	wantCode(t, err, "blob_not_found")
}

// A body that is longer than said is refused, and nothing of it is left.
func TestTooLongBody(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	data := []byte("right")
	_, err := s.Append(digestOf(data), 5, Run{Body: bytes.NewReader([]byte("right and more"))})
	wantCode(t, err, "body_too_long")
	_, err = s.Append(digestOf(data), 5, Run{Zeros: 6, Body: bytes.NewReader(nil)})
	wantCode(t, err, "body_too_long")
	_, err = s.Stat(digestOf(data))
	wantCode(t, err, "blob_not_found")
}

// Zeroes need not be sent, and take no space.
func TestZeros(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	data := append(make([]byte, 1<<20), "end"...)
	b, err := s.Append(digestOf(data), int64(len(data)), Run{Zeros: 1 << 19, Body: bytes.NewReader(nil)})
	if err != nil || b.Complete || b.ReceivedBytes != 1<<19 {
		t.Fatalf("%+v, %v", b, err)
	}
	s = open(t, dir, nil) // as after a restart
	b, err = s.Append(digestOf(data), int64(len(data)), Run{Offset: 1 << 19, Zeros: 1 << 19, Body: bytes.NewReader([]byte("end"))})
	if err != nil || !b.Complete {
		t.Fatalf("%+v, %v", b, err)
	}
	wantContent(t, s, data)
}

// Uploads that nobody goes on with do not pile up: the old ones go, and the
// oldest of too many, but none that is being sent.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	begin := func(name string, age time.Duration) string {
		digest := digestOf([]byte(name))
		if _, err := s.Append(digest, 100, Run{Body: bytes.NewReader([]byte("part"))}); err != nil {
			t.Fatal(err)
		}
		p, err := s.findPartial(digest[len(digestPrefix):])
		if err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(p.path, at, at); err != nil {
			t.Fatal(err)
		}
		return digest
	}
	begin("old", partialLife)
	busy := begin("busy", 2*partialLife)
	release, err := s.acquire(busy[len(digestPrefix):])
	if err != nil {
		t.Fatal(err)
	}
	fresh := begin("fresh", time.Hour)
	blobs, err := s.List()
	if err != nil || len(blobs) != 2 {
		t.Fatalf("%+v, %v; want the fresh and the busy one", blobs, err)
	}
	release()
	s = open(t, dir, nil)
	if _, err := s.Stat(busy); !apierr.Is(err, "blob_not_found") {
		t.Errorf("an old one is still there after a restart: %v", err)
	}
	for i := range maxPartials {
		begin(string(rune('A'+i)), time.Minute)
	}
	blobs, err = s.List()
	if err != nil || len(blobs) != maxPartials {
		t.Errorf("%d are kept (%v), want %d", len(blobs), err, maxPartials)
	}
	if _, err := s.Stat(fresh); !apierr.Is(err, "blob_not_found") {
		t.Errorf("the oldest is still there: %v", err)
	}
}

func TestOneUploadAtATime(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	data := randomBytes(10_000)
	r, w := io.Pipe()
	var first sync.WaitGroup
	first.Go(func() {
		if _, err := s.Append(digestOf(data), 10_000, Run{Body: r}); err != nil {
			t.Errorf("first: %v", err)
		}
	})
	_, _ = w.Write(data[:1]) // returns when the first upload reads
	_, err := s.Append(digestOf(data), 10_000, Run{Body: bytes.NewReader(data)})
	wantCode(t, err, "upload_in_progress")
	wantCode(t, s.Delete(digestOf(data)), "upload_in_progress")
	_, _ = w.Write(data[1:])
	_ = w.Close()
	first.Wait()
	wantContent(t, s, data)
}

func TestFullDisk(t *testing.T) {
	for _, failure := range []error{unix.ENOSPC, unix.EDQUOT} {
		writes := 0
		s := open(t, t.TempDir(), func(op string) error {
			if op == OpWrite {
				if writes++; writes > 2 {
					return failure
				}
			}
			return nil
		})
		data := randomBytes(1 << 20)
		_, err := s.Append(digestOf(data), 1<<20, Run{Body: bytes.NewReader(data)})
		wantCode(t, err, "disk_full")
		if blobs, err := s.List(); err != nil || len(blobs) > 0 {
			t.Fatalf("left: %v, %v", blobs, err)
		}
	}
}

// A death between the last byte and the name must not lose the bytes.
func TestDeathBeforeCompletion(t *testing.T) {
	dir := t.TempDir()
	dead := errors.New("dead")
	s := open(t, dir, func(op string) error {
		if op == OpComplete {
			return dead
		}
		return nil
	})
	data := randomBytes(10_000)
	if _, err := s.Append(digestOf(data), 10_000, Run{Body: bytes.NewReader(data)}); !errors.Is(err, dead) {
		t.Fatal(err)
	}
	s = open(t, dir, nil)
	if b, err := s.Append(digestOf(data), 10_000, Run{Offset: 10_000, Body: bytes.NewReader(nil)}); err != nil || !b.Complete {
		t.Fatalf("%+v, %v", b, err)
	}
	wantContent(t, s, data)
}

// Zero pages take no space, at whatever offset the pieces begin.
func TestSparse(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	data := make([]byte, 8<<20)
	copy(data[5_000_000:], "something")
	const piece = 1_000_003
	for offset := 0; offset < len(data); offset += piece {
		end := min(len(data), offset+piece)
		if _, err := s.Append(digestOf(data), int64(len(data)), Run{Offset: int64(offset), Body: bytes.NewReader(data[offset:end])}); err != nil {
			t.Fatal(err)
		}
	}
	wantContent(t, s, data)
	path, _, err := s.Path(digestOf(data))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if taken := info.Sys().(*syscall.Stat_t).Blocks * 512; taken > 256<<10 {
		t.Fatalf("%d bytes taken", taken)
	}
}

func TestDelete(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	whole, part := []byte("whole"), []byte("in parts")
	if _, err := s.Append(digestOf(whole), 5, Run{Body: bytes.NewReader(whole)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(digestOf(part), 8, Run{Body: bytes.NewReader(part[:3])}); err != nil {
		t.Fatal(err)
	}
	if blobs, err := s.List(); err != nil || len(blobs) != 2 {
		t.Fatalf("%v, %v", blobs, err)
	}
	for _, data := range [][]byte{whole, part, []byte("absent")} {
		for range 2 {
			if err := s.Delete(digestOf(data)); err != nil {
				t.Fatal(err)
			}
		}
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			t.Errorf("left: %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// After a deletion an upload begins anew.
	if _, err := s.Append(digestOf(part), 8, Run{Body: bytes.NewReader(part)}); err != nil {
		t.Fatal(err)
	}
}

// FuzzPieces uploads data cut anywhere, with zero pages anywhere.
func FuzzPieces(f *testing.F) {
	f.Add([]byte("abc"), uint16(1), uint16(2))
	f.Add(make([]byte, 9000), uint16(4096), uint16(8192))
	f.Add(append(make([]byte, 4096), 1), uint16(4095), uint16(4097))
	f.Fuzz(func(t *testing.T, data []byte, a, b uint16) {
		if len(data) == 0 {
			t.Skip()
		}
		s := open(t, t.TempDir(), nil)
		first := min(int(a), int(b), len(data))
		second := min(max(int(a), int(b)), len(data))
		for _, span := range [][2]int{{0, first}, {first, second}, {second, len(data)}} {
			_, err := s.Append(digestOf(data), int64(len(data)), Run{Offset: int64(span[0]), Body: bytes.NewReader(data[span[0]:span[1]])})
			if err != nil {
				t.Fatal(err)
			}
		}
		wantContent(t, s, data)
	})
}
