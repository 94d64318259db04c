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
	{name: "ColdResize", run: testColdResize},
	{name: "SecondVsock", run: testSecondVsock},
	{name: "ConsoleFileUnwritable", run: testConsoleFile},
	{name: "InvalidConfig", run: testInvalidConfig},
	{name: "KernelMissing", run: testKernelMissing},
	{name: "DiskMissing", run: testDiskMissing},
	{name: "RestoreBadSource", run: testRestoreBadSource},
	{name: "ShutdownVMM", run: testShutdownVMM},
	{name: "Terminate", run: testTerminate},
	{name: "StaleSocket", run: testStaleSocket},
	{name: "ElevenConnections", run: testElevenConnections},
	{name: "Lifecycle", need: bootedGuest, run: testLifecycle},
	{name: "HotAdd", need: bootedGuest, run: testHotAdd},
	{name: "ResizeErrors", need: bootedGuest, run: testResizeErrors},
	{name: "SnapshotRunning", need: bootedGuest, run: testSnapshotRunning},
	{name: "DiskLocked", need: bootedGuest, run: testDiskLocked},
	{name: "TerminateRunning", need: bootedGuest, run: testTerminateRunning},
	{name: "StaleVsock", need: bootedGuest, run: testStaleVsock},
	{name: "Serial", need: obeyingGuest, run: testSerial},
	{name: "Vsock", need: obeyingGuest, run: testVsock},
	{name: "PauseHoldsGuest", need: obeyingGuest, run: testPauseHoldsGuest},
	{name: "DiskHotplug", need: obeyingGuest, run: testDiskHotplug},
	{name: "DiskResize", need: obeyingGuest, run: testDiskResize},
	{name: "DiskCounters", need: obeyingGuest, run: testDiskCounters},
	{name: "SecondRemove", need: obeyingGuest, run: testSecondRemove},
	{name: "NetHotplug", need: obeyingGuest, run: testNetHotplug},
	{name: "NetAtBoot", need: obeyingGuest, run: testNetAtBoot},
	{name: "GuestPowerOff", need: obeyingGuest, run: testGuestPowerOff},
	{name: "GuestPowerOffStay", need: obeyingGuest, run: testGuestPowerOffStay},
	{name: "PowerButton", need: obeyingGuest, run: testPowerButton},
	{name: "GuestReboot", need: obeyingGuest, run: testGuestReboot},
	{name: "GuestPanic", need: obeyingGuest, run: testGuestPanic},
	{name: "GuestPanicStays", need: obeyingGuest, run: testGuestPanicStays},
	{name: "Balloon", need: obeyingGuest, run: testBalloon},
	{name: "MemoryACPI", need: obeyingGuest, run: testMemoryACPI},
	{name: "MemoryVirtio", need: obeyingGuest, run: testMemoryVirtio},
	{name: "VCPUs", need: obeyingGuest, run: testVCPUs},
	{name: "VCPUsPending", need: obeyingGuest, run: testVCPUsPending},
	{name: "Snapshot", need: obeyingGuest, run: testSnapshot},
	{name: "SnapshotErrors", need: obeyingGuest, run: testSnapshotErrors},
	{name: "SnapshotKeepsConnections", need: obeyingGuest, run: testSnapshotKeepsConnections},
	{name: "RestoreAfterKill", need: obeyingGuest, run: testRestoreAfterKill},
	{name: "RestoreElsewhere", need: obeyingGuest, run: testRestoreElsewhere},
	{name: "RestorePlug", need: obeyingGuest, run: testRestorePlug},
	{name: "RestoreResized", need: obeyingGuest, run: testRestoreResized},
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
	report := s.Report.vmm(s)
	for _, c := range cases {
		if !wanted(c.need) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			reason := ""
			defer func() { report.add(t, c.name, reason) }()
			s := s
			s.skip = func(t testing.TB, why string) {
				t.Helper()
				reason = why
				t.Skip(why)
			}
			if d, ok := s.difference(c.name); ok {
				s.skip(t, "known difference: "+d.What+" ("+d.Why+")")
			}
			if s.Inert != "" && c.need == obeyingGuest {
				s.skip(t, "guests get nowhere here: "+s.Inert)
			}
			c.run(t, s)
		})
	}
}
