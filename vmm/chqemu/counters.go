package chqemu

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cardplane/cardplane/openapi/chapi"
)

// blockStats is a row of query-blockstats.
type blockStats struct {
	Node  string `json:"node-name"`
	Stats struct {
		ReadBytes  uint64 `json:"rd_bytes"`
		WriteBytes uint64 `json:"wr_bytes"`
		ReadOps    uint64 `json:"rd_operations"`
		WriteOps   uint64 `json:"wr_operations"`
	} `json:"stats"`
}

// Counters implements [chvmm.Machine]: disks from QEMU, network interfaces
// from their taps. Cloud Hypervisor's latencies are left out.
func (m *machine) Counters(ctx context.Context) (chapi.VmCounters, error) {
	var rows []blockStats
	if err := m.qmp.Execute(ctx, "query-blockstats", nil, &rows); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	out := chapi.VmCounters{}
	for _, row := range rows {
		d := m.find(func(d *device) bool { return d.node != "" && d.node == row.Node })
		if d == nil {
			continue
		}
		out[d.id] = map[string]uint64{
			"read_bytes":  row.Stats.ReadBytes,
			"write_bytes": row.Stats.WriteBytes,
			"read_ops":    row.Stats.ReadOps,
			"write_ops":   row.Stats.WriteOps,
		}
	}
	for _, d := range m.devices {
		if d.tap == "" {
			continue
		}
		counters, err := tapCounters("/sys/class/net", d.tap)
		if err != nil {
			return nil, err
		}
		out[d.id] = counters
	}
	return out, nil
}

// tapCounters reads the statistics of a tap below root, as the guest sees
// them: what the tap transmits, the guest receives.
func tapCounters(root, tap string) (map[string]uint64, error) {
	out := map[string]uint64{}
	for name, file := range map[string]string{
		"rx_bytes":  "tx_bytes",
		"rx_frames": "tx_packets",
		"tx_bytes":  "rx_bytes",
		"tx_frames": "rx_packets",
	} {
		text, err := os.ReadFile(filepath.Join(root, tap, "statistics", file))
		if err != nil {
			return nil, fmt.Errorf("counters of tap %s: %w", tap, err)
		}
		n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("counters of tap %s: %w", tap, err)
		}
		out[name] = n
	}
	return out, nil
}
