package bpf_test

import (
	"encoding/binary"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/cardplane/ocispec/bpf"
)

// call is a system call that a filter is asked about.
type call struct {
	arch   uint32
	number uint32
	args   [6]uint64
}

// What filters answer.
const (
	allow = uint32(unix.SECCOMP_RET_ALLOW)
	eperm = uint32(unix.SECCOMP_RET_ERRNO) | uint32(unix.EPERM)
	kill  = uint32(unix.SECCOMP_RET_KILL_THREAD)
)

// run executes a program as the kernel would: forward jumps only, and never
// past its end.
func run(t *testing.T, program []byte, c call) uint32 {
	t.Helper()
	data := binary.LittleEndian.AppendUint32(nil, c.number)
	data = binary.LittleEndian.AppendUint32(data, c.arch)
	data = binary.LittleEndian.AppendUint64(data, 0) // the instruction pointer
	for _, arg := range c.args {
		data = binary.LittleEndian.AppendUint64(data, arg)
	}
	var a uint32
	for pc := 0; ; pc++ {
		i := program[pc*8 : pc*8+8]
		code, yes, no, k := binary.LittleEndian.Uint16(i), int(i[2]), int(i[3]), binary.LittleEndian.Uint32(i[4:])
		if code&7 == unix.BPF_JMP && code&0xf0 != unix.BPF_JA {
			if holds(code&0xf0, a, k) {
				pc += yes
			} else {
				pc += no
			}
			continue
		}
		switch code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			a = binary.LittleEndian.Uint32(data[k:])
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			a &= k
		case unix.BPF_JMP | unix.BPF_JA:
			pc += int(k)
		case unix.BPF_RET | unix.BPF_K:
			return k
		default:
			t.Fatalf("instruction %d has the code %#x", pc, code)
		}
	}
}

func holds(compare uint16, a, k uint32) bool {
	switch compare {
	case unix.BPF_JEQ:
		return a == k
	case unix.BPF_JGT:
		return a > k
	}
	return a >= k
}

var both = []specs.Arch{specs.ArchX86_64, specs.ArchX86}

func compile(t *testing.T, f specs.LinuxSeccomp) []byte {
	t.Helper()
	f.Architectures = both
	program, err := bpf.Compile(&f)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// on64 and on32 are calls of a name's number by either interface.
func on64(number uint32, args ...uint64) call { return on(unix.AUDIT_ARCH_X86_64, number, args) }
func on32(number uint32, args ...uint64) call { return on(unix.AUDIT_ARCH_I386, number, args) }

func on(arch, number uint32, args []uint64) call {
	c := call{arch: arch, number: number}
	copy(c.args[:], args)
	return c
}

// Every number is found in the tree, however the numbers lie.
func TestNumbers(t *testing.T) {
	known := tables(t)
	for name, names := range map[string][]string{
		"none": nil, "first": {"read"}, "some": {"read", "write", "close", "getpid", "mseal", "nosuchcall"}, "even": every(2), "all": every(1),
	} {
		program := compile(t, specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{{Names: names, Action: specs.ActAllow}}})
		wanted := map[call]bool{}
		for _, n := range names {
			for arch, table := range known {
				if number, ok := table[n]; ok {
					wanted[call{arch: arch, number: number}] = true
				}
			}
		}
		for arch := range known {
			for number := range uint32(600) {
				c, want := call{arch: arch, number: number}, eperm
				if wanted[c] {
					want = allow
				}
				if got := run(t, program, c); got != want {
					t.Errorf("%s: %#x %d: %#x, want %#x", name, arch, number, got, want)
				}
			}
		}
	}
}

// every returns each nth name.
func every(nth int) []string {
	var names []string
	for i, line := range strings.Split(strings.TrimSpace(bpf.Numbers), "\n") {
		if i%nth == 0 {
			names = append(names, strings.Fields(line)[0])
		}
	}
	return names
}

// Calls by other interfaces are none of the rules' business.
func TestInterfaces(t *testing.T) {
	program := compile(t, specs.LinuxSeccomp{DefaultAction: specs.ActAllow})
	for name, tc := range map[string]struct {
		call call
		want uint32
	}{
		"x86-64": {on64(0), allow}, "i386": {on32(0), allow}, "x32": {on64(0x40000000), kill}, "far x32": {on64(0xfffffffe), kill},
		"skipped by a tracer": {on64(0xffffffff), allow}, "arm64": {on(unix.AUDIT_ARCH_AARCH64, 0, nil), kill},
	} {
		if got := run(t, program, tc.call); got != tc.want {
			t.Errorf("%s: %#x, want %#x", name, got, tc.want)
		}
	}
}

// Each comparison is what its name says, of 64 bits or of 32.
func TestComparisons(t *testing.T) {
	values := []uint64{0, 1, 7, 8, 9, 0x7fffffff, 0xffffffff, 1 << 32, 1<<32 | 7, 1<<32 | 8, 1<<32 | 9, 2 << 32, 1<<63 | 8, 1<<64 - 1}
	for op, holds := range map[specs.LinuxSeccompOperator]func(arg, value, two uint64) bool{
		specs.OpEqualTo:      func(arg, value, _ uint64) bool { return arg == value },
		specs.OpNotEqual:     func(arg, value, _ uint64) bool { return arg != value },
		specs.OpLessThan:     func(arg, value, _ uint64) bool { return arg < value },
		specs.OpLessEqual:    func(arg, value, _ uint64) bool { return arg <= value },
		specs.OpGreaterThan:  func(arg, value, _ uint64) bool { return arg > value },
		specs.OpGreaterEqual: func(arg, value, _ uint64) bool { return arg >= value },
		specs.OpMaskedEqual:  func(arg, value, two uint64) bool { return arg&value == two },
	} {
		for _, value := range values {
			for _, two := range []uint64{0, 8, 1<<32 | 8} {
				compareAll(t, op, value, two, values, holds)
			}
		}
	}
}

func compareAll(t *testing.T, op specs.LinuxSeccompOperator, value, two uint64, args []uint64, holds func(arg, value, two uint64) bool) {
	t.Helper()
	program := compile(t, specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{
		{Names: []string{"personality"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{{Index: 3, Value: value, ValueTwo: two, Op: op}}},
	}})
	for _, arg := range args {
		low := uint64(uint32(arg))
		for c, want := range map[call]bool{
			on64(135, 0, 0, 0, arg): holds(arg, value, two),
			on32(136, 0, 0, 0, low): holds(low, uint64(uint32(value)), uint64(uint32(two))),
		} {
			if got := run(t, program, c) == allow; got != want {
				t.Errorf("%#x: argument %#x %s %#x, %#x: %v", c.arch, arg, op, value, two, got)
			}
		}
	}
}

// TestRules holds rules of one call against each other.
func TestRules(t *testing.T) {
	errno := uint(38)
	equal := func(index uint, value uint64) specs.LinuxSeccompArg {
		return specs.LinuxSeccompArg{Index: index, Value: value, Op: specs.OpEqualTo}
	}
	program := compile(t, specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{
		{Names: []string{"dup2"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{equal(0, 1), equal(1, 2)}},
		{Names: []string{"dup3"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{equal(0, 1), equal(0, 2)}},
		{Names: []string{"kill"}, Action: specs.ActKillProcess, Args: []specs.LinuxSeccompArg{equal(0, 1)}},
		{Names: []string{"kill"}, Action: specs.ActAllow},
		{Names: []string{"clone3"}, Action: specs.ActErrno, ErrnoRet: &errno},
		{Names: []string{"fsync"}, Action: specs.ActTrap, Args: []specs.LinuxSeccompArg{equal(0, 5)}},
		{Names: []string{"fsync"}, Action: specs.ActLog, Args: []specs.LinuxSeccompArg{equal(1, 6)}},
		{Names: []string{"shmget", "socket"}, Action: specs.ActAllow},
	}})
	for name, tc := range map[string]struct {
		call call
		want uint32
	}{
		"all hold": {on64(33, 1, 2), allow}, "one holds": {on64(33, 1, 3), eperm},
		"first alternative": {on64(292, 1), allow}, "second alternative": {on64(292, 2), allow}, "no alternative": {on64(292, 3), eperm},
		"without arguments first": {on64(62, 1), allow},
		"another error":           {on64(435), uint32(unix.SECCOMP_RET_ERRNO) | 38},
		"first of two":            {on64(74, 5, 6), unix.SECCOMP_RET_TRAP}, "second of two": {on64(74, 4, 6), unix.SECCOMP_RET_LOG}, "none of two": {on64(74, 4, 4), eperm},
		"socketcall of socket": {on32(102, 1), allow}, "socketcall of bind": {on32(102, 2), eperm}, "ipc of shmget": {on32(117, 23), allow}, "ipc of shmat": {on32(117, 21), eperm},
	} {
		if got := run(t, program, tc.call); got != tc.want {
			t.Errorf("%s: %#x, want %#x", name, got, tc.want)
		}
	}
}

func TestUnusable(t *testing.T) {
	errno := uint(4096)
	many := make([]specs.LinuxSyscall, 1000)
	for i := range many {
		many[i] = specs.LinuxSyscall{Names: []string{"read"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{{Value: uint64(i), Op: specs.OpEqualTo}}}
	}
	for name, f := range map[string]specs.LinuxSeccomp{
		"action":         {DefaultAction: specs.ActNotify},
		"action of one":  {DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"read"}, Action: "no"}}, Architectures: both},
		"large error":    {DefaultAction: specs.ActErrno, DefaultErrnoRet: &errno},
		"needless error": {DefaultAction: specs.ActAllow, DefaultErrnoRet: &errno},
		"architecture":   {DefaultAction: specs.ActAllow, Architectures: []specs.Arch{specs.ArchARM}},
		"too long":       {DefaultAction: specs.ActAllow, Syscalls: many, Architectures: both},
	} {
		if program, err := bpf.Compile(&f); err == nil {
			t.Errorf("%s: a program of %d bytes", name, len(program))
		}
	}
}
