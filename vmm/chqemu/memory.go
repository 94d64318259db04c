package chqemu

import (
	"context"
	"errors"
	"fmt"

	"github.com/cardplane/cardplane/vmm/chvmm"
)

const (
	// memorySlots is how often memory can be added with ACPI, as often as with
	// Cloud Hypervisor; the vsock device takes two fewer.
	memorySlots = 8
	// virtioMemory is the id of the memory behind the virtio-mem device.
	virtioMemory = "vmem"
)

// newDIMM describes the n-th addition of memory.
func newDIMM(n int, bytes int64) *device {
	id := fmt.Sprintf("dimm%d", n)
	memory := props{{"qom-type", "memory-backend-memfd"}, {"id", id}, {"size", bytes}, {"share", true}}
	return &device{
		backend: backend{
			option: "object",
			props:  memory,
			add:    command{"object-add", memory.object()},
			del:    command{"object-del", map[string]any{"id": id}},
		},
		props: props{{"driver", "pc-dimm"}, {"id", id + "-device"}, {"memdev", id}},
	}
}

// Memory implements [chvmm.Machine].
func (m *machine) Memory(ctx context.Context) (chvmm.Memory, error) {
	out := chvmm.Memory{Fixed: m.fixedMemory()}
	if !m.hasVirtioMemory {
		return out, nil
	}
	err := m.qmp.Execute(ctx, "qom-get", virtioMemoryProperty("size", nil), &out.Plugged)
	return out, err
}

// fixedMemory is the memory of the boot and what was added to it, in bytes.
func (m *machine) fixedMemory() int64 {
	total := m.bootMemory
	for _, bytes := range m.addedMemory {
		total += bytes
	}
	return total
}

// AddMemory implements [chvmm.Machine].
func (m *machine) AddMemory(ctx context.Context, bytes int64) error {
	if len(m.addedMemory) == memorySlots {
		return &chvmm.Fault{Text: "No ACPI slot available"}
	}
	if m.fixedMemory()-m.bootMemory+bytes > m.memoryRoom {
		return &chvmm.Fault{Text: "Not enough space in the hotplug RAM region"}
	}
	if err := m.addDevice(ctx, newDIMM(len(m.addedMemory), bytes)); err != nil {
		return err
	}
	m.addedMemory = append(m.addedMemory, bytes)
	return nil
}

// addDevice adds the host's side of d and then the guest's; the first is taken
// away again when the second fails.
func (m *machine) addDevice(ctx context.Context, d *device) error {
	if err := m.qmp.Execute(ctx, d.backend.add.name, d.backend.add.args, nil); err != nil {
		return err
	}
	if err := m.qmp.Execute(ctx, "device_add", d.props.object(), nil); err != nil {
		undo := m.qmp.Execute(context.WithoutCancel(ctx), d.backend.del.name, d.backend.del.args, nil)
		return errors.Join(err, undo)
	}
	return nil
}

// SetPlugged implements [chvmm.Machine].
func (m *machine) SetPlugged(ctx context.Context, bytes int64) error {
	return m.qmp.Execute(ctx, "qom-set", virtioMemoryProperty("requested-size", &bytes), nil)
}

// virtioMemoryProperty are the arguments of qom-get and qom-set.
func virtioMemoryProperty(name string, value *int64) map[string]any {
	args := map[string]any{"path": "/machine/peripheral/" + virtioMemory + "-device", "property": name}
	if value != nil {
		args["value"] = *value
	}
	return args
}

// SetBalloon implements [chvmm.Machine]. QEMU counts what is left to the guest
// of its fixed memory.
func (m *machine) SetBalloon(ctx context.Context, bytes int64) error {
	return m.qmp.Execute(ctx, "balloon", map[string]int64{"value": m.fixedMemory() - bytes}, nil)
}

// Ballooned implements [chvmm.Machine].
func (m *machine) Ballooned(ctx context.Context) (int64, error) {
	var left struct{ Actual int64 }
	if err := m.qmp.Execute(ctx, "query-balloon", nil, &left); err != nil {
		return 0, err
	}
	return m.fixedMemory() - left.Actual, nil
}
