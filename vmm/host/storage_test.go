package host_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/hostapi"
)

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// upload makes a blob of data.
func (b *bed) upload(data []byte) string {
	b.Helper()
	digest := digestOf(data)
	if err := b.link.Upload(b.ctx, digest, int64(len(data)), bytes.NewReader(data)); err != nil {
		b.Fatal(err)
	}
	return digest
}

// What a VM refers to must be where its paths say, and stay until it is gone.
func TestAttachments(t *testing.T) {
	b := newBed(t)
	kernel := b.upload([]byte("the kernel"))
	if _, err := b.link.PutDisk(b.ctx, "d", hostapi.DiskSpec{SizeBytes: 1 << 20, FromBlob: &kernel}); err != nil {
		t.Fatal(err)
	}
	spec := emptySpec
	spec.Attachments = []hostapi.Attachment{
		{Name: "kernel", Blob: &kernel, Readonly: true},
		{Name: "scratch", Disk: ptr("d")},
	}
	vm, err := b.link.PutVM(b.ctx, "a", spec)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(vm.Paths.Attachments["kernel"]); err != nil || string(data) != "the kernel" {
		t.Fatalf("kernel %q, %v", data, err)
	}
	if info, err := os.Stat(vm.Paths.Attachments["scratch"]); err != nil || info.Size() != 1<<20 {
		t.Fatalf("disk %v, %v", info, err)
	}
	wantCode(t, b.link.DeleteBlob(b.ctx, kernel), "blob_in_use")
	wantCode(t, b.link.DeleteDisk(b.ctx, "d"), "disk_in_use")
	_, err = b.link.PutVM(b.ctx, "b", spec)
	wantCode(t, err, "disk_attached")
	b.host.Stop()
	b.host.Start()
	wantCode(t, b.link.DeleteBlob(b.ctx, kernel), "blob_in_use")
	if err := b.link.DeleteVM(b.ctx, "a", 0); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := errors.Join(b.link.DeleteBlob(b.ctx, kernel), b.link.DeleteDisk(b.ctx, "d")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSharedReadonlyDisk(t *testing.T) {
	b := newBed(t)
	if _, err := b.link.PutDisk(b.ctx, "d", hostapi.DiskSpec{SizeBytes: 4096}); err != nil {
		t.Fatal(err)
	}
	spec := emptySpec
	spec.Attachments = []hostapi.Attachment{{Name: "d", Disk: ptr("d"), Readonly: true}}
	for _, id := range []string{"a", "b"} {
		if _, err := b.link.PutVM(b.ctx, id, spec); err != nil {
			t.Fatal(err)
		}
	}
}

// A blank attachment is a file of zeros that takes no space, which the VM has for
// itself and which goes with it.
func TestBlankAttachment(t *testing.T) {
	b := newBed(t)
	spec := emptySpec
	size := int64(1 << 40)
	spec.Attachments = []hostapi.Attachment{
		{Name: "image", BlankBytes: &size, Readonly: true}, {Name: "scratch", BlankBytes: &size},
	}
	vm, err := b.link.PutVM(b.ctx, "a", spec)
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range vm.Paths.Attachments {
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil || st.Size != size || st.Blocks != 0 {
			t.Errorf("%s has %d bytes in %d blocks, %v", name, st.Size, st.Blocks, err)
		}
		if vm.Uid != 0 && (st.Uid == uint32(vm.Uid)) != (name == "scratch") {
			t.Errorf("%s is the user %d's, and the VM's is %d", name, st.Uid, vm.Uid)
		}
	}
	b.host.Stop()
	b.host.Start()
	if err := b.link.DeleteVM(b.ctx, "a", 0); err != nil {
		t.Fatal(err)
	}
	for name, path := range vm.Paths.Attachments {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", name, err)
		}
	}
}

func TestBadAttachments(t *testing.T) {
	b := newBed(t)
	blob := b.upload([]byte("x"))
	absent := digestOf([]byte("y"))
	for name, tc := range map[string]struct {
		attachments []hostapi.Attachment
		code        string
	}{
		"neither":          {[]hostapi.Attachment{{Name: "x"}}, "invalid_attachment"},
		"both":             {[]hostapi.Attachment{{Name: "x", Blob: &blob, Disk: ptr("d"), Readonly: true}}, "invalid_attachment"},
		"writable blob":    {[]hostapi.Attachment{{Name: "x", Blob: &blob}}, "invalid_attachment"},
		"twice":            {[]hostapi.Attachment{{Name: "x", Blob: &blob, Readonly: true}, {Name: "x", Blob: &blob, Readonly: true}}, "invalid_attachment"},
		"bad name":         {[]hostapi.Attachment{{Name: "../x", Blob: &blob, Readonly: true}}, "invalid_attachment"},
		"blank and a blob": {[]hostapi.Attachment{{Name: "x", Blob: &blob, BlankBytes: ptr(int64(4096)), Readonly: true}}, "invalid_attachment"},
		"blank, odd":       {[]hostapi.Attachment{{Name: "x", BlankBytes: ptr(int64(4097))}}, "invalid_attachment"},
		"blank, none":      {[]hostapi.Attachment{{Name: "x", BlankBytes: ptr(int64(0))}}, "invalid_attachment"},
		"blank, too large": {[]hostapi.Attachment{{Name: "x", BlankBytes: ptr(int64(1<<40 + 4096))}}, "invalid_attachment"},
		"too many":         {make([]hostapi.Attachment, 65), "invalid_attachment"},
		"no blob":          {[]hostapi.Attachment{{Name: "x", Blob: &absent, Readonly: true}}, "blob_not_found"},
		"no digest":        {[]hostapi.Attachment{{Name: "x", Blob: ptr("sha256:../../etc/passwd"), Readonly: true}}, "invalid_digest"},
		"no disk":          {[]hostapi.Attachment{{Name: "x", Disk: ptr("d")}}, "disk_not_found"},
		"bad disk":         {[]hostapi.Attachment{{Name: "x", Disk: ptr("../../etc")}}, "invalid_id"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := emptySpec
			spec.Attachments = tc.attachments
			_, err := b.link.PutVM(b.ctx, "a", spec)
			wantCode(t, err, tc.code)
			b.wantNothingLeft()
		})
	}
}

// flakyReader calls stop once, when it is read at cut or after.
type flakyReader struct {
	data []byte
	cut  int64
	stop func()
}

func (f *flakyReader) ReadAt(p []byte, off int64) (int, error) {
	if f.stop != nil && off >= f.cut {
		f.stop()
		f.stop = nil
	}
	return bytes.NewReader(f.data).ReadAt(p, off)
}

// An upload goes on after a restart of the server and does not begin anew.
func TestUploadSurvivesRestart(t *testing.T) {
	b := newBed(t)
	data := make([]byte, 8<<20)
	for i := range data {
		data[i] = byte(i >> 12)
	}
	source := &flakyReader{data: data, cut: 4 << 20}
	restarted := make(chan struct{})
	source.stop = func() {
		go func() {
			defer close(restarted)
			b.host.Stop()
			b.host.Start()
		}()
	}
	if err := b.link.Upload(b.ctx, digestOf(data), int64(len(data)), source); err != nil {
		t.Fatal(err)
	}
	<-restarted
	blob, err := b.link.Blob(b.ctx, digestOf(data))
	if err != nil || !blob.Complete {
		t.Fatalf("%+v, %v", blob, err)
	}
	if err := b.link.Upload(b.ctx, digestOf(data), int64(len(data)), badReader{}); err != nil {
		t.Fatalf("a complete blob was sent again: %v", err)
	}
}

// badReader fails the test's upload if it is read.
type badReader struct{}

var errBadReader = errors.New("the source is broken")

func (badReader) ReadAt([]byte, int64) (int, error) { return 0, errBadReader }

func TestUploadSourceErrors(t *testing.T) {
	b := newBed(t)
	// Each has a blob of its own: what a broken one leaves fixes its size.
	err := b.link.Upload(b.ctx, digestOf([]byte("broken")), 1, badReader{})
	if !errors.Is(err, errBadReader) {
		t.Fatalf("got %v", err)
	}
	err = b.link.Upload(b.ctx, digestOf([]byte("cut")), 100, strings.NewReader("short"))
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("got %v", err)
	}
	wantCode(t, b.link.Upload(b.ctx, digestOf([]byte("x")), 1, strings.NewReader("y")), "digest_mismatch")
}

// A full disk is told as such, and nothing of the upload keeps it full.
func TestUploadDiskFull(t *testing.T) {
	b := newBed(t)
	b.host.Stop()
	b.host.Config.Step = func(op string) error {
		if op == "blob.write" {
			return unix.ENOSPC
		}
		return nil
	}
	b.host.Start()
	wantCode(t, b.link.Upload(b.ctx, digestOf([]byte("x")), 1, strings.NewReader("x")), "disk_full")
	if blobs, err := b.link.Blobs(b.ctx); err != nil || len(blobs) > 0 {
		t.Fatalf("%v, %v", blobs, err)
	}
}

func TestUploadGivesUp(t *testing.T) {
	b := newBed(t)
	b.host.Stop()
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	err := b.link.Upload(ctx, digestOf([]byte("x")), 1, strings.NewReader("x"))
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

// A disk is copied while VMs only read it, and not while one may write to it.
func TestDiskCopy(t *testing.T) {
	b := newBed(t)
	content := b.upload(bytes.Repeat([]byte("x"), 4096))
	if _, err := b.link.PutDisk(b.ctx, "d", hostapi.DiskSpec{SizeBytes: 8192, FromBlob: &content}); err != nil {
		t.Fatal(err)
	}
	spec := emptySpec
	copyOf := hostapi.DiskSpec{SizeBytes: 16384, FromDisk: ptr("d")}
	for _, readonly := range []bool{false, true} {
		spec.Attachments = []hostapi.Attachment{{Name: "d", Disk: ptr("d"), Readonly: readonly}}
		if _, err := b.link.PutVM(b.ctx, "a", spec); err != nil {
			t.Fatal(err)
		}
		_, err := b.link.PutDisk(b.ctx, "copy", copyOf)
		if !readonly {
			wantCode(t, err, "disk_attached")
		} else if err != nil {
			t.Fatal(err)
		}
		if err := b.link.DeleteVM(b.ctx, "a", 0); err != nil {
			t.Fatal(err)
		}
	}
	spec.Attachments = []hostapi.Attachment{{Name: "d", Disk: ptr("d")}}
	if _, err := b.link.PutVM(b.ctx, "b", spec); err != nil {
		t.Fatal(err)
	}
	if _, err := b.link.PutDisk(b.ctx, "copy", copyOf); err != nil {
		t.Errorf("a copy that is there: %v", err)
	}
	spec.Attachments = []hostapi.Attachment{{Name: "d", Disk: ptr("copy")}}
	vm, err := b.link.PutVM(b.ctx, "c", spec)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(vm.Paths.Attachments["d"]); err != nil || len(data) != 16384 || data[4095] != 'x' || data[4096] != 0 {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	_, err = b.link.PutDisk(b.ctx, "bad", hostapi.DiskSpec{SizeBytes: 4096, FromDisk: ptr("nonesuch")})
	wantCode(t, err, "disk_not_found")
}
