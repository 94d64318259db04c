package container

import (
	"cmp"
	"errors"
	"runtime"
	"slices"
	"time"

	"github.com/cardplane/cardplane/guest-agent/procfs"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// maxProcesses bounds a list of processes, and with it an answer.
const maxProcesses = 2048

// Stats returns what the container id has used. The limit of its memory is its
// own, 0 for none; the machine's is left to the caller.
func (m *Manager) Stats(id string) (guestapi.Stats, error) {
	c, err := m.find(id)
	if err != nil {
		return guestapi.Stats{}, err
	}
	handle, err := c.running()
	if err != nil {
		return guestapi.Stats{}, err
	}
	out, err := m.runtime.Usage(id)
	if err == nil {
		out.Networks, err = procfs.Networks(handle.Pid())
	}
	if err != nil {
		return guestapi.Stats{}, c.unlessEnded(err)
	}
	out.Time, out.OnlineCpus = time.Now().UTC(), int32(runtime.NumCPU())
	return out, nil
}

// unlessEnded returns err, or that the container has ended where that is why.
func (c *container) unlessEnded(err error) error {
	if _, ended := c.running(); ended != nil {
		return ended
	}
	return err
}

// Processes returns the oldest processes of the container id.
func (m *Manager) Processes(id string) ([]guestapi.ProcessInfo, error) {
	c, err := m.find(id)
	if err != nil {
		return nil, err
	}
	if _, err := c.running(); err != nil {
		return nil, err
	}
	pids, err := m.runtime.Pids(id)
	if err != nil {
		return nil, c.unlessEnded(err)
	}
	slices.Sort(pids)
	ours := map[int32]int32{} // our pids to those in the container
	list := []guestapi.ProcessInfo{}
	for _, pid := range pids[:min(len(pids), maxProcesses)] {
		p, err := procfs.Process(pid)
		if errors.Is(err, procfs.ErrEnded) {
			continue
		}
		if err != nil {
			return nil, err
		}
		ours[int32(pid)] = p.Pid
		list = append(list, p)
	}
	for i := range list {
		list[i].ParentPid = ours[list[i].ParentPid]
	}
	slices.SortFunc(list, func(a, b guestapi.ProcessInfo) int { return cmp.Compare(a.Pid, b.Pid) })
	return list, nil
}
