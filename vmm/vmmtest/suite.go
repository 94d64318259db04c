package vmmtest

import (
	"testing"
)

// testCase is one case of the suite.
type testCase struct {
	name string
	// guest cases boot one.
	guest bool
	run   func(t *testing.T, s Subject)
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
	{name: "Lifecycle", guest: true, run: testLifecycle},
	{name: "Serial", guest: true, run: testSerial},
	{name: "Vsock", guest: true, run: testVsock},
	{name: "DiskHotplug", guest: true, run: testDiskHotplug},
	{name: "DiskLocked", guest: true, run: testDiskLocked},
	{name: "NetHotplug", guest: true, run: testNetHotplug},
	{name: "GuestPowerOff", guest: true, run: testGuestPowerOff},
	{name: "GuestPowerOffStay", guest: true, run: testGuestPowerOffStay},
	{name: "PowerButton", guest: true, run: testPowerButton},
	{name: "GuestReboot", guest: true, run: testGuestReboot},
	{name: "GuestPanic", guest: true, run: testGuestPanic},
	{name: "Balloon", guest: true, run: testBalloon},
	{name: "Killed", guest: true, run: testKilled},
}

// Run runs the cases of the suite that need no guest.
func Run(t *testing.T, s Subject) { run(t, s, false) }

// RunGuests runs the cases that boot guests.
func RunGuests(t *testing.T, s Subject) { run(t, s, true) }

func run(t *testing.T, s Subject, guests bool) {
	for _, c := range cases {
		if c.guest != guests {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			if reason, ok := s.Deviations[c.name]; ok {
				t.Skipf("known deviation: %s", reason)
			}
			c.run(t, s)
		})
	}
}
