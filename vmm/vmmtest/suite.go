package vmmtest

import (
	"testing"
)

// need is what a case wants of a guest.
type need int

const (
	noGuest      need = iota
	bootedGuest       // one that was started; it need not get anywhere
	obeyingGuest      // one that does what it is told
)

// testCase is one case of the suite.
type testCase struct {
	name string
	need need
	run  func(t *testing.T, s Subject)
}

// cases are the suite, cheap ones first.
var cases = []testCase{
	{name: "Ping", run: testPing},
	{name: "BeforeCreate", run: testBeforeCreate},
	{name: "Requests", run: testRequests},
	{name: "CreateTwice", run: testCreateTwice},
	{name: "ColdPlug", run: testColdPlug},
	{name: "SecondVsock", run: testSecondVsock},
	{name: "ConsoleFileUnwritable", run: testConsoleFile},
	{name: "InvalidConfig", run: testInvalidConfig},
	{name: "KernelMissing", run: testKernelMissing},
	{name: "DiskMissing", run: testDiskMissing},
	{name: "ShutdownVMM", run: testShutdownVMM},
	{name: "Terminate", run: testTerminate},
	{name: "StaleSocket", run: testStaleSocket},
	{name: "ElevenConnections", run: testElevenConnections},
	{name: "Lifecycle", need: bootedGuest, run: testLifecycle},
	{name: "HotAdd", need: bootedGuest, run: testHotAdd},
	{name: "Serial", need: obeyingGuest, run: testSerial},
	{name: "Vsock", need: obeyingGuest, run: testVsock},
	{name: "DiskHotplug", need: obeyingGuest, run: testDiskHotplug},
	{name: "DiskLocked", need: bootedGuest, run: testDiskLocked},
	{name: "NetHotplug", need: obeyingGuest, run: testNetHotplug},
	{name: "GuestPowerOff", need: obeyingGuest, run: testGuestPowerOff},
	{name: "GuestPowerOffStay", need: obeyingGuest, run: testGuestPowerOffStay},
	{name: "PowerButton", need: obeyingGuest, run: testPowerButton},
	{name: "GuestReboot", need: obeyingGuest, run: testGuestReboot},
	{name: "GuestPanic", need: obeyingGuest, run: testGuestPanic},
	{name: "Balloon", need: obeyingGuest, run: testBalloon},
	{name: "Killed", need: bootedGuest, run: testKilled},
}

// Run runs the cases of the suite that need no guest.
func Run(t *testing.T, s Subject) {
	run(t, s, func(n need) bool { return n == noGuest })
}

// RunGuests runs the cases that boot guests.
func RunGuests(t *testing.T, s Subject) {
	run(t, s, func(n need) bool { return n != noGuest })
}

func run(t *testing.T, s Subject, wanted func(need) bool) {
	for _, c := range cases {
		if !wanted(c.need) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			if reason, ok := s.Deviations[c.name]; ok {
				t.Skipf("known deviation: %s", reason)
			}
			if s.Inert != "" && c.need == obeyingGuest {
				t.Skipf("guests get nowhere here: %s", s.Inert)
			}
			c.run(t, s)
		})
	}
}
