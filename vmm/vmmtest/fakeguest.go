package vmmtest

import (
	"context"
	"strings"

	"github.com/cardplane/cardplane/vmm/chvmm"
)

// Disks returns the serial numbers of the guest's disks, sorted.
func (g *FakeGuest) Disks() []string {
	if m := g.running(); m != nil {
		return m.serials()
	}
	return nil
}

// MACs returns the addresses of the guest's network interfaces, sorted.
func (g *FakeGuest) MACs() []string {
	if m := g.running(); m != nil {
		return m.macs()
	}
	return nil
}

// Up sets the interface with this address up, which makes it send a frame.
func (g *FakeGuest) Up(mac string) {
	if m := g.running(); m != nil {
		m.count(func(d *fakeDevice) bool { return d.mac == mac }, frameLength)
	}
}

// frameLength is that of the shortest frame in bytes.
const frameLength = 60

// CPUs returns how many CPUs the guest has.
func (g *FakeGuest) CPUs() int32 {
	if m := g.running(); m != nil {
		n, _, _ := m.VCPUs(context.Background())
		return n
	}
	return 0
}

// Memory returns how much memory the guest has in bytes.
func (g *FakeGuest) Memory() int64 {
	m := g.running()
	if m == nil {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.size.Fixed + m.size.Plugged - m.size.Ballooned
}

// DiskSize returns the length in bytes of the disk with a serial number.
func (g *FakeGuest) DiskSize(serial string) int64 {
	if m := g.running(); m != nil {
		if f := m.disk(serial); f != nil {
			info, err := f.Stat()
			if err == nil {
				return info.Size()
			}
		}
	}
	return 0
}

// wordLength is how much of a disk is read and written for a word.
const wordLength = 4096

// WriteWord makes word the beginning of a disk.
func (g *FakeGuest) WriteWord(serial, word string) error {
	m := g.running()
	if m == nil {
		return chvmm.NewFault("the guest does not run", nil)
	}
	f := m.disk(serial)
	if f == nil {
		return chvmm.NewFault("no disk "+serial, nil)
	}
	block := make([]byte, wordLength)
	copy(block, word)
	m.count(func(d *fakeDevice) bool { return d.file == f }, wordLength)
	_, err := f.WriteAt(block, 0)
	return err
}

// ReadWord returns the word at the beginning of a disk.
func (g *FakeGuest) ReadWord(serial string) string {
	m := g.running()
	if m == nil {
		return ""
	}
	f := m.disk(serial)
	if f == nil {
		return ""
	}
	block := make([]byte, wordLength)
	if _, err := f.ReadAt(block, 0); err != nil {
		return ""
	}
	word, _, _ := strings.Cut(string(block), "\x00")
	return word
}

// Remember keeps a word in the guest's memory.
func (g *FakeGuest) Remember(word string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.word = word
}

// Recall returns the word.
func (g *FakeGuest) Recall() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.word
}

// count adds one operation of so many bytes to the devices that fit.
func (m *fakeMachine) count(fits func(*fakeDevice) bool, bytes uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.devices {
		if fits(d) {
			d.bytes += bytes
			d.ops++
		}
	}
}
