package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/vhostvsock/guestmem"
)

func socketPair(t testing.TB) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = unix.Close(fds[0])
		if fds[1] >= 0 {
			_ = unix.Close(fds[1])
		}
	})
	return fds[0], fds[1]
}

func TestMessagesComeBackAsSent(t *testing.T) {
	a, b := socketPair(t)
	w, r := NewConn(a), NewConn(b)
	defer r.Close()
	regions := []guestmem.Region{{GuestAddr: 1, Size: 2, UserAddr: 3, FileOffset: 4}, {GuestAddr: 5, Size: 6, UserAddr: 7, FileOffset: 8}}
	addr := VringAddr{Index: 1, Flags: 2, Desc: 3, Used: 4, Avail: 5, Log: 6}
	if _, err := r.Read(); !errors.Is(err, ErrAgain) {
		t.Fatalf("Read of an empty socket: %v", err)
	}
	steps := []struct {
		r       Request
		payload []byte
		fds     []int
		decode  func(m *Message) (any, error)
		want    any
	}{
		{SetFeatures, PutUint64(1 << 40), nil, func(m *Message) (any, error) { return m.Uint64() }, uint64(1 << 40)},
		{SetVringNum, VringState{1, 256}.Encode(), nil, func(m *Message) (any, error) { return m.VringState() }, VringState{1, 256}},
		{SetVringAddr, addr.Encode(), nil, func(m *Message) (any, error) { return m.VringAddr() }, addr},
		{SetMemTable, PutMemTable(regions), []int{a, b}, func(m *Message) (any, error) { return m.MemTable() }, regions},
		{SetConfig, Config{4, 1, []byte("abc")}.Encode(), nil, func(m *Message) (any, error) { return m.Config() }, Config{4, 1, []byte("abc")}},
		{SetVringCall, PutVringFD(2, false), nil, func(m *Message) (any, error) {
			index, fd, err := m.VringFD()
			return [2]int{int(index), fd}, err
		}, [2]int{2, -1}},
	}
	for _, s := range steps {
		if err := w.Write(s.r, FlagNeedAck, s.payload, s.fds...); err != nil {
			t.Fatal(err)
		}
		m, err := r.Read()
		if err != nil || m.Request != s.r || m.Flags != Version|FlagNeedAck || len(m.FDs) != len(s.fds) {
			t.Fatalf("Read: %+v, %v", m, err)
		}
		if got, err := s.decode(m); err != nil || !reflect.DeepEqual(got, s.want) {
			t.Errorf("%v: %+v, %v; want %+v", s.r, got, err, s.want)
		}
	}
}

// TestDescriptorsHaveOneOwner: those that are taken stay open, the others are
// closed.
func TestDescriptorsHaveOneOwner(t *testing.T) {
	a, b := socketPair(t)
	w, r := NewConn(a), NewConn(b)
	pipe := make([]int, 2)
	if err := unix.Pipe2(pipe, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(SetMemTable, 0, PutMemTable(make([]guestmem.Region, 2)), pipe...); err != nil {
		t.Fatal(err)
	}
	_ = unix.Close(pipe[0])
	_ = unix.Close(pipe[1])
	m, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	kept, dropped := m.FDs[0], m.FDs[1]
	r.TakeFD(kept)
	r.Close()
	defer func() { _ = unix.Close(kept) }()
	if _, err := unix.FcntlInt(uintptr(kept), unix.F_GETFD, 0); err != nil {
		t.Errorf("a taken descriptor: %v", err)
	}
	if _, err := unix.FcntlInt(uintptr(dropped), unix.F_GETFD, 0); err != unix.EBADF {
		t.Errorf("a descriptor that nobody took: %v", err)
	}
}

func TestEndOfStream(t *testing.T) {
	for name, tc := range map[string]struct {
		in   []byte
		want error
	}{
		"between messages":  {nil, io.EOF},
		"inside a header":   {[]byte{1, 0, 0}, io.ErrUnexpectedEOF},
		"before a payload":  {[]byte{2, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0}, io.ErrUnexpectedEOF},
		"payload too large": {[]byte{2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0}, ErrMalformed},
		"version 2":         {[]byte{2, 0, 0, 0, 2, 0, 0, 0, 8, 0, 0, 0}, ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := socketPair(t)
			if _, err := unix.Write(a, tc.in); err != nil {
				t.Fatal(err)
			}
			if err := unix.Shutdown(a, unix.SHUT_WR); err != nil {
				t.Fatal(err)
			}
			if _, err := NewConn(b).Read(); !errors.Is(err, tc.want) {
				t.Fatalf("Read: %v, want %v", err, tc.want)
			}
		})
	}
}

// FuzzMessages reads a stream of messages and decodes each in every way.
func FuzzMessages(f *testing.F) {
	frame := func(r Request, payload []byte) []byte {
		b := binary.LittleEndian.AppendUint32(nil, uint32(r))
		b = binary.LittleEndian.AppendUint32(b, Version)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
		return append(b, payload...)
	}
	f.Add(frame(GetFeatures, nil), uint8(0))
	f.Add(frame(SetVringKick, PutVringFD(1, true)), uint8(1))
	f.Add(frame(SetMemTable, PutMemTable(make([]guestmem.Region, 2))), uint8(2))
	f.Add(append(frame(SetVringAddr, VringAddr{}.Encode()), frame(GetConfig, Config{Data: make([]byte, 8)}.Encode())...), uint8(0))
	f.Add(bytes.Repeat([]byte{0xff}, 64), uint8(9))
	f.Fuzz(func(t *testing.T, stream []byte, fds uint8) {
		a, b := socketPair(t)
		var oob []byte
		if fds > 0 {
			oob = unix.UnixRights(repeatFD(a, int(fds%16))...)
		}
		if len(stream) == 0 || len(stream) > 4096 {
			return
		}
		if err := unix.Sendmsg(a, stream, oob, nil, 0); err != nil {
			t.Fatal(err)
		}
		c := NewConn(b)
		defer c.Close()
		for {
			m, err := c.Read()
			if err != nil {
				return
			}
			decodeAll(t, m)
		}
	})
}

func repeatFD(fd, n int) []int {
	fds := make([]int, n)
	for i := range fds {
		fds[i] = fd
	}
	return fds
}

func decodeAll(t *testing.T, m *Message) {
	_, _ = m.Uint64()
	_, _ = m.VringState()
	_, _ = m.VringAddr()
	if regions, err := m.MemTable(); err == nil && len(regions) != len(m.FDs) {
		t.Fatalf("%d regions with %d descriptors", len(regions), len(m.FDs))
	}
	if _, fd, err := m.VringFD(); err == nil && fd >= 0 != (len(m.FDs) == 1) {
		t.Fatalf("descriptor %d of %v", fd, m.FDs)
	}
	if c, err := m.Config(); err == nil && len(c.Data) > MaxConfig {
		t.Fatalf("configuration window of %d bytes", len(c.Data))
	}
	_ = m.Request.String()
}
