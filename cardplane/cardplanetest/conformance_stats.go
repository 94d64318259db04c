package cardplanetest

import (
	"errors"
	"io"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func (s *suite) stats() {
	c := s.running(nil, "sleep", "1000")
	reader, err := s.Containers.Stats(s.ctx, c.ID, cardplane.StatsOptions{})
	s.ok(err)
	one, err := reader.Next(s.ctx)
	s.ok(err)
	_, err = reader.Next(s.ctx)
	equal(s, "ends after one sample", errors.Is(err, io.EOF), true)
	s.ok(reader.Close())
	equal(s, "container", one.ContainerID, c.ID)
	equal(s, "has processes", one.Processes >= 1, true)
	equal(s, "has CPU time", one.CPU.Total > 0 && one.CPU.Online >= 1, true)
	equal(s, "has memory", one.Memory.Used > 0 && one.Memory.Limit > one.Memory.Used, true)
	equal(s, "has interfaces", len(one.Networks) > 0, true)

	reader, err = s.Containers.Stats(s.ctx, c.ID, cardplane.StatsOptions{Follow: true})
	s.ok(err)
	defer func() { _ = reader.Close() }()
	first, err := reader.Next(s.ctx)
	s.ok(err)
	second, err := reader.Next(s.ctx)
	s.ok(err)
	equal(s, "goes on", second.Time.After(first.Time) && second.CPU.Total >= first.CPU.Total, true)
	s.ok(s.Containers.Kill(s.ctx, c.ID, ""))
	for err == nil {
		_, err = reader.Next(s.ctx)
	}
	equal(s, "ends with the container", errors.Is(err, io.EOF), true)
	_, err = s.Containers.Wait(s.ctx, c.ID, cardplane.WaitNotRunning)
	s.ok(err)
	_, err = s.Containers.Stats(s.ctx, c.ID, cardplane.StatsOptions{})
	s.fails(err, apierr.FailedPrecondition, "container_not_running")
}

func (s *suite) processes() {
	c := s.running(nil, "sleep", "1000")
	list, err := s.Containers.Processes(s.ctx, c.ID)
	s.ok(err)
	equal(s, "processes", len(list), 1)
	equal(s, "command", strings.HasSuffix(list[0].Command, "sleep 1000"), true)
	equal(s, "has a state", list[0].State != "" && list[0].Threads == 1, true)
	_, err = s.Containers.Processes(s.ctx, s.newContainer(nil, "true").ID)
	s.fails(err, apierr.FailedPrecondition, "container_not_running")
}
