package bpf

import (
	_ "embed"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// architecture is an interface for system calls.
type architecture struct {
	audit       uint32 // how the kernel names it
	column      int    // in the table of numbers
	wide        bool   // arguments have 64 bits
	x32         bool   // shares its name with x32
	multiplexes bool   // has calls that stand for several
}

var architectures = map[specs.Arch]architecture{
	specs.ArchX86_64: {audit: unix.AUDIT_ARCH_X86_64, column: 1, wide: true, x32: true},
	specs.ArchX86:    {audit: unix.AUDIT_ARCH_I386, column: 2, multiplexes: true},
}

// numbers is a line for each system call: its name and its numbers on x86-64
// and i386, or "-". A test holds it against those of golang.org/x/sys.
//
//go:embed numbers.txt
var numbers string

// table returns the numbers of the architecture's calls.
func (a architecture) table() map[string]uint32 {
	table := make(map[string]uint32)
	for line := range strings.Lines(numbers) {
		fields := strings.Fields(line)
		if n, err := strconv.ParseUint(fields[a.column], 10, 32); err == nil {
			table[fields[0]] = uint32(n)
		}
	}
	return table
}

// part is a call that can also be made by another one, whose first argument
// then is number. The arguments of the call itself are out of a filter's sight.
type part struct {
	by     string
	number uint64
}

// multiplexed are the calls behind socketcall(2) and ipc(2) of i386.
var multiplexed = func() map[string]part {
	parts := map[string]part{
		"semop": {"ipc", 1}, "semget": {"ipc", 2}, "semctl": {"ipc", 3}, "semtimedop": {"ipc", 4},
		"msgsnd": {"ipc", 11}, "msgrcv": {"ipc", 12}, "msgget": {"ipc", 13}, "msgctl": {"ipc", 14},
		"shmat": {"ipc", 21}, "shmdt": {"ipc", 22}, "shmget": {"ipc", 23}, "shmctl": {"ipc", 24},
	}
	for i, name := range []string{
		"socket", "bind", "connect", "listen", "accept", "getsockname", "getpeername", "socketpair", "send", "recv",
		"sendto", "recvfrom", "shutdown", "setsockopt", "getsockopt", "sendmsg", "recvmsg", "accept4", "recvmmsg", "sendmmsg",
	} {
		parts[name] = part{"socketcall", uint64(i + 1)}
	}
	return parts
}()
