package link_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"testing"

	"github.com/cardplane/cardplane/vmm/link/linktest"
)

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// holey returns n bytes of which the second and the last third are zero.
func holey(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.Read(data[:n/3])
	data[n/2] = 1
	return data
}

// counted counts how often each byte of a blob is read.
type counted struct {
	*bytes.Reader
	mu   sync.Mutex
	read int64
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.mu.Lock()
	c.read += int64(len(p))
	c.mu.Unlock()
	return c.Reader.ReadAt(p, off)
}

// Zeroes are not sent.
func TestUploadLeavesZeroesOut(t *testing.T) {
	for _, n := range []int{1, 3 << 20, 3<<20 + 1, 5<<20 - 12345} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := newWired(t)
			data := holey(n)
			if err := w.Upload(w.ctx, digestOf(data), int64(n), bytes.NewReader(data)); err != nil {
				t.Fatal(err)
			}
			// A third is random, the one odd byte costs a run, and there is HTTP.
			if sent, most := w.wire.Bytes(linktest.ToHost), int64(n/3+3*256<<10); sent > most {
				t.Errorf("%d bytes were sent for %d of which two thirds are zero, want at most %d", sent, n, most)
			}
		})
	}
}

// Wherever an upload is cut it goes on, and what has arrived is not sent again.
func TestUploadCutAnywhere(t *testing.T) {
	const size, cuts = 6 << 20, 5
	data := make([]byte, size)
	_, _ = rand.Read(data)
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint(restart), func(t *testing.T) {
			w := newWired(t)
			done := make(chan struct{})
			go func() {
				defer close(done)
				for range cuts {
					<-w.wire.DownAfter(linktest.ToHost, size/cuts-100_000)
					if restart {
						w.host.Stop()
						w.host.Start()
					}
					_ = w.wire.Up()
				}
			}()
			content := &counted{Reader: bytes.NewReader(data)}
			if err := w.Upload(w.ctx, digestOf(data), size, content); err != nil {
				t.Fatal(err)
			}
			_ = w.wire.Up() // ends a cut that is still waited for
			<-done
			// Each cut loses what was read ahead and what was on its way.
			if most := int64(size + cuts*1<<20); content.read > most {
				t.Errorf("%d bytes were read for %d, want at most %d", content.read, size, most)
			}
			if b, err := w.Blob(w.ctx, digestOf(data)); err != nil || !b.Complete {
				t.Errorf("%+v, %v", b, err)
			}
		})
	}
}

// An upload through a link that hangs goes on when it is back, although the
// host did not see the first connection end.
func TestUploadThroughHangingLink(t *testing.T) {
	w := newWired(t)
	data := make([]byte, 4<<20)
	_, _ = rand.Read(data)
	content := &stallAt{Reader: bytes.NewReader(data), at: 2 << 20, stall: w.wire.Stall}
	done := make(chan error, 1)
	go func() { done <- w.Upload(w.ctx, digestOf(data), int64(len(data)), content) }()
	w.awaitAway(t, true)
	w.wire.Resume()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// stallAt stalls the link when it is first read at an offset or after it.
type stallAt struct {
	*bytes.Reader
	at    int64
	once  sync.Once
	stall func()
}

func (s *stallAt) ReadAt(p []byte, off int64) (int, error) {
	if off >= s.at {
		s.once.Do(s.stall)
	}
	return s.Reader.ReadAt(p, off)
}

// Two links that upload the same blob do the work once.
func TestUploadOnce(t *testing.T) {
	w := newWired(t)
	const size = 8 << 20
	data := make([]byte, size)
	_, _ = rand.Read(data)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := w.Upload(context.WithoutCancel(w.ctx), digestOf(data), size, bytes.NewReader(data)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if sent := w.wire.Bytes(linktest.ToHost); sent > size*3/2 {
		t.Errorf("%d bytes were sent for a blob of %d", sent, size)
	}
}
