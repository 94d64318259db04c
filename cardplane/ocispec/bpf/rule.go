package bpf

import (
	"fmt"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// rule is what happens to a call whose arguments compare so.
type rule struct {
	action uint32
	args   []specs.LinuxSeccompArg
}

// maxErrno is the largest error that a filter can answer with.
const maxErrno = 4095

var actions = map[specs.LinuxSeccompAction]uint32{
	specs.ActKill:        unix.SECCOMP_RET_KILL_THREAD,
	specs.ActKillThread:  unix.SECCOMP_RET_KILL_THREAD,
	specs.ActKillProcess: unix.SECCOMP_RET_KILL_PROCESS,
	specs.ActTrap:        unix.SECCOMP_RET_TRAP,
	specs.ActErrno:       unix.SECCOMP_RET_ERRNO,
	specs.ActTrace:       unix.SECCOMP_RET_TRACE,
	specs.ActAllow:       unix.SECCOMP_RET_ALLOW,
	specs.ActLog:         unix.SECCOMP_RET_LOG,
}

// action returns the number of an action, which has an error where it takes
// one: EPERM if errno is nil.
func action(a specs.LinuxSeccompAction, errno *uint) (uint32, error) {
	n, ok := actions[a]
	switch {
	case !ok:
		return 0, fmt.Errorf("the action %q is not known here", a)
	case a != specs.ActErrno && a != specs.ActTrace:
		if errno != nil {
			return 0, fmt.Errorf("the action %q takes no error, but has %d", a, *errno)
		}
		return n, nil
	case errno == nil:
		return n | uint32(unix.EPERM), nil
	case *errno > maxErrno:
		return 0, fmt.Errorf("the error %d is none; the largest is %d", *errno, maxErrno)
	}
	return n | uint32(*errno), nil
}

// rules returns the rules of each call's number, in their order. Those that do
// as fallback does are none.
func (a architecture) rules(filter *specs.LinuxSeccomp, fallback uint32) (map[uint32][]rule, error) {
	table := a.table()
	rules := map[uint32][]rule{}
	for i, call := range filter.Syscalls {
		do, err := action(call.Action, call.ErrnoRet)
		if err != nil {
			return nil, fmt.Errorf("syscalls[%d]: %w", i, err)
		}
		if do == fallback {
			continue
		}
		for _, name := range call.Names {
			if n, ok := table[name]; ok {
				rules[n] = append(rules[n], alternatives(do, call.Args)...)
			}
			if m, ok := multiplexed[name]; ok && a.multiplexes {
				rules[table[m.by]] = append(rules[table[m.by]], rule{do, []specs.LinuxSeccompArg{{Value: m.number, Op: specs.OpEqualTo}}})
			}
		}
	}
	return rules, nil
}

// alternatives returns one rule, or one for each comparison where an argument
// is compared more than once.
func alternatives(action uint32, args []specs.LinuxSeccompArg) []rule {
	for i, arg := range args {
		if slices.ContainsFunc(args[:i], func(other specs.LinuxSeccompArg) bool { return other.Index == arg.Index }) {
			list := make([]rule, 0, len(args))
			for i := range args {
				list = append(list, rule{action, args[i : i+1]})
			}
			return list
		}
	}
	return []rule{{action, args}}
}

// chain returns what happens to a call that has rules.
func (a architecture) chain(rules []rule, fallback uint32) block {
	for _, r := range rules {
		if len(r.args) == 0 {
			return ret(r.action)
		}
	}
	var b block
	for _, r := range rules {
		b = append(b, a.match(r)...)
	}
	return append(b, ret(fallback)...)
}

// match returns instructions that answer with the rule's action if all
// comparisons hold, and are left at their end otherwise.
func (a architecture) match(r rule) block {
	b := ret(r.action)
	for _, arg := range slices.Backward(r.args) {
		b = append(a.compare(arg, uint8(len(b))), b...)
	}
	return b
}

// compare returns instructions that are left at their end if the comparison
// holds, and rest instructions further otherwise. An argument's halves are
// compared one by one, the upper one first; it has only one where words are
// of 32 bits.
func (a architecture) compare(arg specs.LinuxSeccompArg, rest uint8) block {
	c := comparisons[arg.Op]
	value, mask := arg.Value, ^uint64(0)
	if arg.Op == specs.OpMaskedEqual {
		value, mask = arg.ValueTwo, arg.Value
	}
	low := offsetArguments + 8*uint32(arg.Index)
	b := slices.Concat(half(low, uint32(mask)), c.low(uint32(value), rest))
	if a.wide {
		after := uint8(len(b))
		b = slices.Concat(half(low+4, uint32(mask>>32)), c.high(uint32(value>>32), after, after+rest), b)
	}
	return b
}

// half loads half an argument.
func half(offset, mask uint32) block {
	b := load(offset)
	if mask != ^uint32(0) {
		b = append(b, unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: mask})
	}
	return b
}

// comparison says how an argument is compared.
type comparison struct {
	// jump compares the lower halves, and negated takes its opposite.
	jump    uint16
	negated bool
	// above and below say whether it holds for every argument whose upper half
	// is above, and below, the value's.
	above, below bool
}

var comparisons = map[specs.LinuxSeccompOperator]comparison{
	specs.OpEqualTo:      {jump: unix.BPF_JEQ},
	specs.OpMaskedEqual:  {jump: unix.BPF_JEQ},
	specs.OpNotEqual:     {jump: unix.BPF_JEQ, negated: true, above: true, below: true},
	specs.OpGreaterThan:  {jump: unix.BPF_JGT, above: true},
	specs.OpGreaterEqual: {jump: unix.BPF_JGE, above: true},
	specs.OpLessThan:     {jump: unix.BPF_JGE, negated: true, below: true},
	specs.OpLessEqual:    {jump: unix.BPF_JGT, negated: true, below: true},
}

// low compares lower halves: on where it holds, no instructions further where not.
func (c comparison) low(value uint32, no uint8) block {
	if c.negated {
		return block{jump(c.jump, value, no, 0)}
	}
	return block{jump(c.jump, value, 0, no)}
}

// high compares upper halves: on where the lower ones decide, yes or no
// instructions further where it holds or not.
func (c comparison) high(value uint32, yes, no uint8) block {
	above, below := no, no
	if c.above {
		above = yes
	}
	if c.below {
		below = yes
	}
	if above == below {
		return block{jump(unix.BPF_JEQ, value, 0, above)}
	}
	return block{jump(unix.BPF_JGT, value, above+1, 0), jump(unix.BPF_JEQ, value, 0, below)}
}
