// Package bpf compiles a container's system call filter into the program that
// the guest's kernel runs (seccomp(2), "SECCOMP_SET_MODE_FILTER").
//
// The card does it because it has the time: in a translated guest the same work
// is most of what a filter costs. The program looks a call's number up in a
// search tree, which also spares the kernel, as it runs a new filter once for
// each number to learn which it allows always.
package bpf

import (
	"encoding/binary"
	"fmt"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data, whose fields are in the guest's byte order.
const (
	offsetNumber    = 0
	offsetArch      = 4
	offsetArguments = 16
)

// x32 is where the numbers of the x32 interface begin. They come with the
// architecture of x86-64.
const x32 = 0x40000000

// noNumber is the number by which a tracer has a call skipped.
const noNumber = 0xffffffff

// block is a piece of a program. Whatever enters it at its beginning ends in it.
type block []unix.SockFilter

// Compile returns the program of filter, an array of struct sock_filter for
// x86-64. Its rules are understood as libseccomp does: names that the
// architecture has not are left out, a rule without arguments counts before
// those of the same call that have some, several comparisons of one argument
// are alternatives, and a call by another interface than filter.Architectures
// kills the thread. Of rules that contradict each other the first counts.
func Compile(filter *specs.LinuxSeccomp) ([]byte, error) {
	fallback, err := action(filter.DefaultAction, filter.DefaultErrnoRet)
	if err != nil {
		return nil, fmt.Errorf("defaultAction: %w", err)
	}
	program := ret(unix.SECCOMP_RET_KILL_THREAD)
	for _, name := range slices.Backward(filter.Architectures) {
		arch, ok := architectures[name]
		if !ok {
			return nil, fmt.Errorf("the architecture %q is not known here", name)
		}
		rules, err := arch.rules(filter, fallback)
		if err != nil {
			return nil, err
		}
		program = branch(unix.BPF_JEQ, arch.audit, program, arch.lookUp(rules, fallback))
	}
	program = append(load(offsetArch), program...)
	if len(program) > unix.BPF_MAXINSNS {
		return nil, fmt.Errorf("it makes a program of %d instructions; the kernel takes %d", len(program), unix.BPF_MAXINSNS)
	}
	return encode(program), nil
}

// lookUp returns the part of the program for one architecture.
func (a architecture) lookUp(rules map[uint32][]rule, fallback uint32) block {
	calls := search(leaves(a, rules, fallback))
	if a.x32 {
		other := branch(unix.BPF_JEQ, noNumber, ret(unix.SECCOMP_RET_KILL_THREAD), ret(fallback))
		calls = branch(unix.BPF_JGE, x32, calls, other)
	}
	return append(load(offsetNumber), calls...)
}

// leaf is what happens to the calls from a number on, up to the next leaf's.
type leaf struct {
	from uint32
	do   block
}

// leaves returns what happens to every number, beginning with 0.
func leaves(a architecture, rules map[uint32][]rule, fallback uint32) []leaf {
	numbers := make([]uint32, 0, len(rules))
	for n := range rules {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	list := []leaf{{0, ret(fallback)}}
	for i, n := range numbers {
		if i > 0 && numbers[i-1]+1 < n {
			list = add(list, leaf{numbers[i-1] + 1, ret(fallback)})
		}
		list = add(list, leaf{n, a.chain(rules[n], fallback)})
	}
	if len(numbers) > 0 {
		list = add(list, leaf{numbers[len(numbers)-1] + 1, ret(fallback)})
	}
	return list
}

// add appends a leaf, unless the last one does the same.
func add(list []leaf, l leaf) []leaf {
	last := &list[len(list)-1]
	switch {
	case slices.Equal(last.do, l.do):
		return list
	case last.from == l.from:
		last.do = l.do
		return list
	}
	return append(list, l)
}

// search returns a search tree of leaves, with the number loaded.
func search(list []leaf) block {
	if len(list) == 1 {
		return list[0].do
	}
	middle := len(list) / 2
	return branch(unix.BPF_JGE, list[middle].from, search(list[:middle]), search(list[middle:]))
}

// branch returns a block that goes to yes if what is loaded compares so with
// k, and else to no.
func branch(compare uint16, k uint32, no, yes block) block {
	var b block
	if len(no) <= maxJump {
		b = block{jump(compare, k, uint8(len(no)), 0)}
	} else {
		b = block{jump(compare, k, 0, 1), {Code: unix.BPF_JMP | unix.BPF_JA, K: uint32(len(no))}}
	}
	return slices.Concat(b, no, yes)
}

// maxJump is the longest conditional jump.
const maxJump = 255

func jump(compare uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | compare, Jt: yes, Jf: no, K: k}
}

func load(offset uint32) block {
	return block{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}}
}

func ret(action uint32) block { return block{{Code: unix.BPF_RET | unix.BPF_K, K: action}} }

func encode(program block) []byte {
	var out []byte
	for _, i := range program {
		out = binary.LittleEndian.AppendUint16(out, i.Code)
		out = append(out, i.Jt, i.Jf)
		out = binary.LittleEndian.AppendUint32(out, i.K)
	}
	return out
}
