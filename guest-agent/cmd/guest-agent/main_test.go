package main

import "testing"

func TestKilobytes(t *testing.T) {
	text := []byte("MemTotal:         239472 kB\nVmRSS:\t   11372 kB\nOdd:\nBad: x kB\n")
	for key, want := range map[string]int64{"MemTotal:": 239472 << 10, "VmRSS:": 11372 << 10, "None:": 0, "Odd:": 0, "Bad:": 0} {
		if got := kilobytes(text, key); got != want {
			t.Errorf("%s %d", key, got)
		}
	}
}

func TestMemoryOfThisMachine(t *testing.T) {
	m, err := machine{}.Memory()
	if err != nil || m.TotalBytes == 0 || m.AvailableBytes == 0 || m.AgentResidentBytes == 0 {
		t.Fatalf("%+v, %v", m, err)
	}
}

// Only the first power-off request counts, and none blocks.
func TestPowerOffTwice(t *testing.T) {
	m := machine{NewMain(t.Output())}
	m.PowerOff(1)
	m.PowerOff(2)
	if grace := <-m.main.powerOff; grace != 1 {
		t.Fatalf("grace %d", grace)
	}
}
