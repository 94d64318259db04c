package server

import (
	"context"

	"github.com/cardplane/cardplane/openapi/guestapi"
)

func (c *control) GetStats(_ context.Context, req guestapi.GetStatsRequestObject) (guestapi.GetStatsResponseObject, error) {
	stats, err := c.manager.Stats(req.ContainerId)
	if err != nil {
		return nil, err
	}
	memory, err := c.machine.Memory()
	if err != nil {
		return nil, err
	}
	if stats.MemoryLimitBytes == 0 || stats.MemoryLimitBytes > memory.TotalBytes {
		stats.MemoryLimitBytes = memory.TotalBytes
	}
	return guestapi.GetStats200JSONResponse(stats), nil
}

func (c *control) ListProcesses(_ context.Context, req guestapi.ListProcessesRequestObject) (guestapi.ListProcessesResponseObject, error) {
	list, err := c.manager.Processes(req.ContainerId)
	if err != nil {
		return nil, err
	}
	return guestapi.ListProcesses200JSONResponse(list), nil
}
