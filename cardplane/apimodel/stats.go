package apimodel

import (
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

// StatsToAPI returns the API's form of a sample.
func StatsToAPI(s cardplane.Stats) cardapi.ContainerStats {
	out := cardapi.ContainerStats{
		ContainerId: s.ContainerID, Time: s.Time, Processes: int32(s.Processes), Networks: []cardapi.NetworkStats{},
		Cpu: cardapi.CpuStats{
			Microseconds: s.CPU.Total.Microseconds(), UserMicroseconds: s.CPU.User.Microseconds(),
			SystemMicroseconds: s.CPU.System.Microseconds(), Online: int32(s.CPU.Online),
		},
		Memory: cardapi.MemoryStats{Bytes: s.Memory.Used, CacheBytes: s.Memory.Cache, LimitBytes: s.Memory.Limit},
		Io:     cardapi.IoStats{ReadBytes: s.IO.ReadBytes, WrittenBytes: s.IO.WrittenBytes, Reads: s.IO.Reads, Writes: s.IO.Writes},
	}
	for _, n := range s.Networks {
		out.Networks = append(out.Networks, cardapi.NetworkStats(n))
	}
	if vm := s.VM; vm != nil {
		out.Vm = &cardapi.MachineStats{
			CpuMicroseconds: optional(vm.CPU.Microseconds()), MemoryBytes: optional(vm.MemoryBytes),
			ReadBytes: optional(vm.ReadBytes), WrittenBytes: optional(vm.WrittenBytes),
		}
	}
	return out
}

// StatsFromAPI returns the domain's form of a sample.
func StatsFromAPI(s cardapi.ContainerStats) cardplane.Stats {
	out := cardplane.Stats{
		ContainerID: s.ContainerId, Time: s.Time, Processes: int(s.Processes),
		CPU: cardplane.CPUStats{
			Total: microseconds(s.Cpu.Microseconds), User: microseconds(s.Cpu.UserMicroseconds),
			System: microseconds(s.Cpu.SystemMicroseconds), Online: int(s.Cpu.Online),
		},
		IO: cardplane.IOStats{ReadBytes: s.Io.ReadBytes, WrittenBytes: s.Io.WrittenBytes, Reads: s.Io.Reads, Writes: s.Io.Writes},
	}
	out.Memory.Used, out.Memory.Cache, out.Memory.Limit = s.Memory.Bytes, s.Memory.CacheBytes, s.Memory.LimitBytes
	for _, n := range s.Networks {
		out.Networks = append(out.Networks, cardplane.NetworkStats(n))
	}
	if vm := s.Vm; vm != nil {
		out.VM = &cardplane.VMStats{
			CPU: microseconds(value(vm.CpuMicroseconds)), MemoryBytes: value(vm.MemoryBytes),
			ReadBytes: value(vm.ReadBytes), WrittenBytes: value(vm.WrittenBytes),
		}
	}
	return out
}

func microseconds(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// ProcessToAPI returns the API's form of a process.
func ProcessToAPI(p cardplane.Process) cardapi.Process {
	return cardapi.Process{
		Pid: int32(p.PID), ParentPid: int32(p.ParentPID), Uid: p.UID, State: p.State, Threads: int32(p.Threads),
		CpuMicroseconds: p.CPU.Microseconds(), MemoryBytes: p.MemoryBytes, Command: p.Command,
	}
}

// ProcessFromAPI returns the domain's form of a process.
func ProcessFromAPI(p cardapi.Process) cardplane.Process {
	return cardplane.Process{
		PID: int(p.Pid), ParentPID: int(p.ParentPid), UID: p.Uid, State: p.State, Threads: int(p.Threads),
		CPU: microseconds(p.CpuMicroseconds), MemoryBytes: p.MemoryBytes, Command: p.Command,
	}
}
