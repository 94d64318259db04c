package apimodel

import (
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/cardapi"
	"github.com/cardplane/cardplane/openapi/cardwire"
)

// ContainerToAPI returns the API's form of a container.
func ContainerToAPI(c cardplane.Container) cardapi.Container {
	out := cardapi.Container{
		Id:         c.ID,
		Name:       c.Name,
		SandboxId:  c.SandboxID,
		ImageId:    c.ImageID,
		State:      cardapi.ContainerState(c.State),
		Reason:     optional(c.Reason),
		Spec:       SpecToAPI(c.Spec),
		CreatedAt:  c.CreatedAt,
		StartedAt:  optionalTime(c.StartedAt),
		FinishedAt: optionalTime(c.FinishedAt),
		Pending:    optionalSlice(c.Pending),
		EndReason:  optional(cardapi.EndReason(c.EndReason)),
		Signal:     optional(int32(c.Signal)),
		OomKilled:  optional(c.OOMKilled),
		Health:     healthToAPI(c.Health),
		Interfaces: optionalEach(c.Interfaces, interfaceToAPI),
		Ports:      optionalEach(c.Ports, portToAPI),

		NetworkReason: optional(c.NetworkReason),

		RestartCount: optional(int32(c.RestartCount)),
		Error:        optionalProblem(c.Error),
	}
	if c.State == cardplane.Exited || c.State == cardplane.Restarting && c.Error == nil {
		out.ExitCode = &c.ExitCode
	}
	if g := c.Guest; g != nil {
		out.Guest = &cardapi.GuestInfo{Kernel: g.Kernel, BootId: g.BootID, Vmm: g.VMM, AgentVersion: optional(g.AgentVersion)}
	}
	if len(c.Timings) > 0 {
		timings := each(c.Timings, timingToAPI)
		out.Timings = &timings
	}
	return out
}

// ContainerFromAPI returns the domain's form of a container.
func ContainerFromAPI(c cardapi.Container) cardplane.Container {
	out := cardplane.Container{
		ID:         c.Id,
		Name:       c.Name,
		SandboxID:  c.SandboxId,
		ImageID:    c.ImageId,
		State:      cardplane.State(c.State),
		Reason:     value(c.Reason),
		Spec:       SpecFromAPI(c.Spec),
		CreatedAt:  c.CreatedAt,
		StartedAt:  value(c.StartedAt),
		FinishedAt: value(c.FinishedAt),
		ExitCode:   value(c.ExitCode),
		Health:     healthFromAPI(c.Health),
		Interfaces: eachOf(c.Interfaces, interfaceFromAPI),
		Ports:      eachOf(c.Ports, portFromAPI),

		NetworkReason: value(c.NetworkReason),

		RestartCount: int(value(c.RestartCount)),
		Pending:      value(c.Pending),
		EndReason:    cardplane.EndReason(value(c.EndReason)),
		Signal:       int(value(c.Signal)),
		OOMKilled:    value(c.OomKilled),
	}
	if c.Error != nil {
		out.Error = cardwire.Error(*c.Error)
	}
	if g := c.Guest; g != nil {
		out.Guest = &cardplane.GuestInfo{Kernel: g.Kernel, BootID: g.BootId, VMM: g.Vmm, AgentVersion: value(g.AgentVersion)}
	}
	if c.Timings != nil {
		out.Timings = each(*c.Timings, timingFromAPI)
	}
	return out
}

func timingToAPI(t cardplane.Timing) cardapi.Timing {
	return cardapi.Timing{Step: t.Step, Milliseconds: float64(t.Duration) / float64(time.Millisecond)}
}

func timingFromAPI(t cardapi.Timing) cardplane.Timing {
	return cardplane.Timing{Step: t.Step, Duration: time.Duration(t.Milliseconds * float64(time.Millisecond))}
}

// ExecToAPI returns the API's form of an exec.
func ExecToAPI(e cardplane.Exec) cardapi.Exec {
	out := cardapi.Exec{Id: e.ID, ContainerId: e.ContainerID, Command: list(e.Command), Running: e.Running, Tty: optional(e.TTY), Stdin: optional(e.Stdin)}
	if !e.StartedAt.IsZero() {
		out.StartedAt = &e.StartedAt
	}
	if !e.Running {
		out.ExitCode = &e.ExitCode
	}
	return out
}

// ExecFromAPI returns the domain's form of an exec.
func ExecFromAPI(e cardapi.Exec) cardplane.Exec {
	return cardplane.Exec{
		ID: e.Id, ContainerID: e.ContainerId, Command: e.Command, Running: e.Running, ExitCode: value(e.ExitCode),
		StartedAt: value(e.StartedAt), TTY: value(e.Tty), Stdin: value(e.Stdin),
	}
}

// LogRecordToAPI returns the API's form of a log record.
func LogRecordToAPI(r cardplane.LogRecord) cardapi.LogRecord {
	return cardapi.LogRecord{
		Stream: cardapi.LogRecordStream(r.Stream), Offset: r.Offset, Time: r.Time, Data: append([]byte{}, r.Data...), Lost: optional(r.Lost),
	}
}

// LogRecordFromAPI returns the domain's form of a log record.
func LogRecordFromAPI(r cardapi.LogRecord) cardplane.LogRecord {
	return cardplane.LogRecord{Stream: cardplane.Stream(r.Stream), Offset: r.Offset, Time: r.Time, Data: r.Data, Lost: value(r.Lost)}
}

// StatesToAPI returns the API's form of states.
func StatesToAPI(states []cardplane.State) []cardapi.ContainerState {
	return each(states, func(s cardplane.State) cardapi.ContainerState { return cardapi.ContainerState(s) })
}

// StatesFromAPI returns the states that the API names.
func StatesFromAPI(states []cardapi.ContainerState) []cardplane.State {
	return each(states, func(s cardapi.ContainerState) cardplane.State { return cardplane.State(s) })
}
