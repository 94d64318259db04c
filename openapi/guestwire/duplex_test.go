package guestwire_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"testing"

	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/openapi/guestwire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair returns both sides of a connection to a port.
func pair(t *testing.T) (a, b *guestwire.Duplex) {
	t.Helper()
	ours, theirs := net.Pipe()
	a, b = guestwire.NewDuplex(ours, bufio.NewReader(ours)), guestwire.NewDuplex(theirs, bufio.NewReader(theirs))
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a, b
}

// Each direction carries all bytes and ends by itself, and neither end is taken
// for a cut.
func TestDuplexHalfClose(t *testing.T) {
	a, b := pair(t)
	request, answer := bytes.Repeat([]byte("ask"), 300_000), bytes.Repeat([]byte("answer"), 300_000)
	done := make(chan error, 1)
	go func() {
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, request) {
			done <- errors.Join(errors.New("another request"), err)
			return
		}
		_, err = b.Write(answer)
		done <- errors.Join(err, b.CloseWrite(), b.Close())
	}()
	if _, err := a.Write(request); err != nil {
		t.Fatal(err)
	}
	if err := a.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(a)
	if err != nil || !bytes.Equal(got, answer) {
		t.Fatalf("%d bytes of the answer, %v", len(got), err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := a.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("after the end: %v", err)
	}
	select {
	case <-a.Broken():
		t.Error("a whole connection counts as broken")
	default:
	}
}

// A side that reads nothing holds up the other at the window, and one that
// waits there learns that it has gone.
func TestDuplexWindow(t *testing.T) {
	a, b := pair(t)
	if n, err := a.Write(make([]byte, guestwire.Window)); n != guestwire.Window || err != nil {
		t.Fatal(n, err)
	}
	beyond := make(chan error, 1)
	go func() {
		_, err := a.Write([]byte("x"))
		beyond <- err
	}()
	// What is read makes room again.
	if _, err := io.ReadFull(b, make([]byte, guestwire.Window/2)); err != nil {
		t.Fatal(err)
	}
	if err := <-beyond; err != nil {
		t.Fatal(err)
	}
	go func() {
		_, err := a.Write(make([]byte, guestwire.Window))
		beyond <- err
	}()
	_ = b.Close()
	if err := <-beyond; !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the other side has gone: %v", err)
	}
	<-a.Broken()
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		t.Errorf("a cut reads as %v", err)
	}
}

// frame returns a whole data frame.
func frame(n int) []byte {
	b := make([]byte, guestwire.FrameHeaderSize+n)
	guestwire.PutDataHeader(b, n)
	return b
}

func TestHostileDuplex(t *testing.T) {
	for name, sent := range map[string][]byte{
		"nothing":        nil,
		"beyond window":  bytes.Repeat(frame(guestwire.MaxPayloadSize), guestwire.Window/guestwire.MaxPayloadSize+1),
		"after the end":  append(guestwire.EndFrame(), frame(1)...),
		"two ends":       append(guestwire.EndFrame(), guestwire.EndFrame()...),
		"lost":           guestwire.LostFrame(1),
		"ack of nothing": guestwire.AckFrame(1),
		"ack of 0":       guestwire.AckFrame(0),
		"unknown kind":   {9, 0, 0, 0, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			d := guestwire.NewDuplex(ours, bufio.NewReader(ours))
			defer func() { _ = d.Close() }()
			// It closes on us in the middle.
			_, _ = theirs.Write(sent)
			if sent == nil {
				_ = theirs.Close()
			}
			<-d.Broken()
			if got, _ := io.ReadAll(d); len(got) > guestwire.Window {
				t.Errorf("holds %d bytes", len(got))
			}
		})
	}
}

// Acknowledgements are no part of other streams.
func TestAckOutOfPlace(t *testing.T) {
	if _, err := guestwire.NewFrameReader(bytes.NewReader(guestwire.AckFrame(5))).Next(); !errors.Is(err, guestwire.ErrBadFrame) {
		t.Errorf("%v", err)
	}
}

// Whatever a peer sends, a Duplex holds no more than its window, ends, and
// reports an end only where there was an end frame.
func FuzzDuplex(f *testing.F) {
	f.Add(append(frame(3), guestwire.EndFrame()...))
	f.Add(guestwire.AckFrame(1))
	f.Add(bytes.Repeat(frame(60_000), 3))
	f.Add([]byte("\x04\x00\x00\x00\x00\x00\x00\x08\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		ours, theirs := net.Pipe()
		d := guestwire.NewDuplex(ours, bufio.NewReader(ours))
		go func() {
			_, _ = theirs.Write(in)
			_ = theirs.Close()
		}()
		<-d.Broken()
		got, err := io.ReadAll(d)
		if len(got) > guestwire.Window || len(got) > len(in) {
			t.Fatalf("%d bytes of %d", len(got), len(in))
		}
		if err == nil && !bytes.Contains(in, guestwire.EndFrame()) {
			t.Fatal("an end that was not sent")
		}
		_ = d.Close()
	})
}
