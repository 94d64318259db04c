package vmtest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cardplane/cardplane/openapi/chapi"
)

// handleSnapshots adds what machines need that become templates, start from
// them, have a disk that grows, or reboot. A machine's memory is not saved: a restored one gets a new agent.
func (m *machine) handleSnapshots(mux *http.ServeMux) {
	for path, act := range map[string]func(*http.Request) error{
		"vm.resize-disk":   m.resizeDisk,
		"vm.pause":         func(*http.Request) error { m.paused = true; return nil },
		"vm.snapshot":      m.snapshot,
		"vm.restore":       m.restore,
		"vm.add-disk":      m.addDisk,
		"vm.add-net":       m.addNet,
		"vm.remove-device": m.removeDevice,
		"vm.resume":        m.resume,
		"vmm.shutdown":     func(*http.Request) error { m.poweroff(); return nil },
		"vm.reboot":        func(*http.Request) error { return m.process.Emit("vm", "rebooting") },
	} {
		mux.HandleFunc("PUT /api/v1/"+path, func(w http.ResponseWriter, r *http.Request) {
			m.mu.Lock()
			defer m.mu.Unlock()
			switch err := act(r); {
			case err != nil:
				refuse(w, http.StatusInternalServerError, err.Error())
			case path == "vm.add-disk" || path == "vm.add-net":
				answer(w, chapi.PciDeviceInfo{})
			default:
				w.WriteHeader(http.StatusNoContent)
			}
		})
	}
}

func (m *machine) snapshot(r *http.Request) error {
	var to chapi.VmSnapshotConfig
	if err := json.NewDecoder(r.Body).Decode(&to); err != nil {
		return err
	}
	dir := strings.TrimPrefix(to.DestinationUrl, "file://")
	text, err := json.Marshal(m.config)
	for name, content := range map[string][]byte{"config.json": text, "state.json": nil, "memory-ranges": nil} {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	return err
}

func (m *machine) restore(r *http.Request) error {
	var from chapi.RestoreConfig
	if err := json.NewDecoder(r.Body).Decode(&from); err != nil {
		return err
	}
	f, err := os.Open(filepath.Join(strings.TrimPrefix(from.SourceUrl, "file://"), "config.json"))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	m.config = &chapi.VmConfig{}
	if err := json.Unmarshal(text, m.config); err != nil {
		return err
	}
	if strings.Contains(m.config.Payload.Cmdline, BehaveUnfit) {
		return errors.New("the snapshot cannot be restored")
	}
	m.paused = true
	return nil
}

func (m *machine) addDisk(r *http.Request) error {
	var disk chapi.DiskConfig
	if err := json.NewDecoder(r.Body).Decode(&disk); err != nil {
		return err
	}
	m.config.Disks = append(m.config.Disks, disk)
	return m.checkFiles()
}

func (m *machine) addNet(r *http.Request) error {
	var nic chapi.NetConfig
	if err := json.NewDecoder(r.Body).Decode(&nic); err != nil {
		return err
	}
	m.config.Net = append(m.config.Net, nic)
	return nil
}

// removeDevice is the whole removal: the guest always agrees at once.
func (m *machine) removeDevice(r *http.Request) error {
	var gone chapi.VmRemoveDevice
	if err := json.NewDecoder(r.Body).Decode(&gone); err != nil {
		return err
	}
	disks := slices.DeleteFunc(slices.Clone(m.config.Disks), func(d chapi.DiskConfig) bool { return d.Id == gone.Id })
	nics := slices.DeleteFunc(slices.Clone(m.config.Net), func(nic chapi.NetConfig) bool { return nic.Id == gone.Id })
	if len(disks) == len(m.config.Disks) && len(nics) == len(m.config.Net) {
		return errors.New("there is no device of that name")
	}
	m.config.Disks, m.config.Net = disks, nics
	return m.process.EmitDevice("vm", "device-removed", gone.Id)
}

func (m *machine) resizeDisk(r *http.Request) error {
	var to chapi.VmResizeDisk
	if err := json.NewDecoder(r.Body).Decode(&to); err != nil {
		return err
	}
	for _, disk := range m.config.Disks {
		if disk.Id == to.Id && !disk.Readonly {
			return os.Truncate(disk.Path, to.DesiredSize)
		}
	}
	return errors.New("there is no writable disk of that name")
}

// resume lets a restored machine run, with its two disks plugged in.
func (m *machine) resume(*http.Request) error {
	m.paused, m.booted = false, true
	return m.start()
}
