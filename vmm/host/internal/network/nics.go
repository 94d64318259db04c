package network

import (
	"errors"
	"net"
	"net/netip"
	"reflect"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/network/links"
)

// NormalNICs returns the interfaces that a VM is to be started with, checked
// and in the form in which two equal ones are equal.
func NormalNICs(nics []hostapi.NamedNIC) ([]hostapi.NamedNIC, error) {
	if len(nics) > MaxNICs {
		return nil, tooManyNICs(len(nics))
	}
	out := []hostapi.NamedNIC{}
	seen := map[string]bool{}
	for _, n := range nics {
		spec, err := normalNIC(n.Spec)
		if err != nil {
			return nil, err
		}
		if seen[n.Name] {
			return nil, invalidNIC("interface %q is named twice; choose another name", n.Name).At("/nics")
		}
		seen[n.Name] = true
		out = append(out, hostapi.NamedNIC{Name: n.Name, Spec: spec})
	}
	return out, nil
}

func tooManyNICs(n int) error {
	return apierr.New(apierr.ResourceExhausted, "too_many_nics", "%d interfaces are too many for a VM; give at most %d", n, MaxNICs).At("/nics")
}

// Plug makes a VM's interfaces for the user uid. Those that exist with the
// same specification stay as they are. After an error some may have been made.
// Errors: those of putNIC in the document.
func (m *Manager) Plug(vm string, uid int, nics []hostapi.NamedNIC) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var made []nicRecord
	for _, n := range nics {
		rec, exists, err := m.admit(vm, uid, n)
		if err != nil {
			return err
		}
		if exists {
			continue
		}
		if err := m.recordNIC(rec); err != nil {
			return err
		}
		made = append(made, rec)
	}
	return m.makeTaps(made)
}

// PlugOne is Plug for one interface, which is returned. One that fails leaves
// nothing.
func (m *Manager) PlugOne(vm string, uid int, nic hostapi.NamedNIC) (hostapi.NIC, error) {
	spec, err := normalNIC(nic.Spec)
	if err != nil {
		return hostapi.NIC{}, err
	}
	nic.Spec = spec
	m.mu.Lock()
	defer m.mu.Unlock()
	rec, exists, err := m.admit(vm, uid, nic)
	if err != nil {
		return hostapi.NIC{}, err
	}
	if exists {
		return m.viewNIC(rec), nil
	}
	if err := m.recordNIC(rec); err != nil {
		return hostapi.NIC{}, errors.Join(err, m.removeNICs([]nicRecord{rec}))
	}
	if err := m.makeTaps([]nicRecord{rec}); err != nil {
		return hostapi.NIC{}, errors.Join(err, m.removeNICs([]nicRecord{rec}))
	}
	return m.viewNIC(rec), nil
}

// admit returns the record of an interface, a new one if there was none, or
// why it cannot be.
func (m *Manager) admit(vm string, uid int, nic hostapi.NamedNIC) (rec nicRecord, exists bool, err error) {
	if old, ok := m.nics[nicKey{vm, nic.Name}]; ok {
		if !reflect.DeepEqual(old.Spec, nic.Spec) {
			return old, true, apierr.New(apierr.AlreadyExists, "nic_exists",
				"VM %q has interface %q with another specification; remove it or choose another name", vm, nic.Name)
		}
		return old, true, nil
	}
	on, err := m.find(nic.Spec.Network)
	if err != nil {
		return nicRecord{}, false, err
	}
	if err := m.checkNIC(vm, nic, on); err != nil {
		return nicRecord{}, false, err
	}
	return nicRecord{VM: vm, Name: nic.Name, Spec: nic.Spec, Tap: freeName(m.names.taps, m.knows), UID: uid}, false, nil
}

// checkNIC refuses an interface whose addresses are none of the network's, or
// another's.
func (m *Manager) checkNIC(vm string, nic hostapi.NamedNIC, on networkRecord) error {
	if nic.Spec.Mac == links.BridgeMAC(on.Bridge).String() {
		return apierr.New(apierr.FailedPrecondition, "address_taken", "%s is network %q's own; choose another", nic.Spec.Mac, on.ID).At("/mac")
	}
	mine := addresses(nic.Spec)
	for _, a := range mine {
		if err := on.checkInside(a); err != nil {
			return err
		}
	}
	count := 1
	for _, other := range m.nics {
		if other.VM == vm {
			count++
		}
		if other.Spec.Network != on.ID {
			continue
		}
		if err := checkDistinct(nic.Spec, mine, other); err != nil {
			return err
		}
	}
	if count > MaxNICs {
		return tooManyNICs(count)
	}
	return nil
}

func checkDistinct(spec hostapi.NICSpec, mine []netip.Addr, other nicRecord) error {
	taken := func(what, field string) error {
		return apierr.New(apierr.FailedPrecondition, "address_taken",
			"%s is that of interface %q of VM %q; choose another", what, other.Name, other.VM).At(field)
	}
	if spec.Mac == other.Spec.Mac {
		return taken(spec.Mac, "/mac")
	}
	for _, a := range mine {
		for _, b := range addresses(other.Spec) {
			if a == b {
				return taken(a.String(), "/addresses")
			}
		}
	}
	return nil
}

// recordNIC writes the intent.
func (m *Manager) recordNIC(rec nicRecord) error {
	if err := m.cfg.Step(OpRecord); err != nil {
		return err
	}
	m.nics[rec.key()] = rec
	return m.nicLedger().put(rec.key().String(), rec)
}

// makeTaps makes what has been recorded, its rules first.
func (m *Manager) makeTaps(made []nicRecord) error {
	if len(made) == 0 {
		return nil
	}
	if err := m.apply(); err != nil {
		return err
	}
	if err := m.cfg.Step(OpLinks); err != nil {
		return err
	}
	for _, rec := range made {
		if err := m.tapOf(rec).Ensure(); err != nil {
			return err
		}
	}
	return nil
}

// Unplug removes an interface of a VM. One that does not exist is removed.
func (m *Manager) Unplug(vm, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	rec, ok := m.nics[nicKey{vm, name}]
	if !ok {
		return m.nicLedger().remove(nicKey{vm, name}.String())
	}
	return m.removeNICs([]nicRecord{rec})
}

// UnplugAll removes all interfaces of a VM.
func (m *Manager) UnplugAll(vm string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.removeNICs(m.nicsOf(vm))
}

// Sweep removes the interfaces of VMs that exist says are no more.
func (m *Manager) Sweep(exists func(vm string) bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var orphans []nicRecord
	for _, rec := range m.nics {
		if !exists(rec.VM) {
			orphans = append(orphans, rec)
		}
	}
	return m.removeNICs(orphans)
}

// removeNICs removes interfaces: tap, rules, connections, records.
func (m *Manager) removeNICs(nics []nicRecord) error {
	if len(nics) == 0 {
		return nil
	}
	for _, rec := range nics {
		if err := links.Remove(rec.Tap); err != nil {
			return err
		}
		delete(m.nics, rec.key())
	}
	err := m.apply()
	for _, rec := range nics {
		for _, a := range addresses(rec.Spec) {
			err = errors.Join(err, links.ForgetAddress(a))
		}
	}
	if err == nil {
		err = m.cfg.Step(OpForget)
	}
	for _, rec := range nics {
		if err != nil {
			m.nics[rec.key()] = rec // to be removed again
			continue
		}
		err = m.nicLedger().remove(rec.key().String())
	}
	return err
}

// NICs returns the interfaces of a VM, ordered by name.
func (m *Manager) NICs(vm string) []hostapi.NIC {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := []hostapi.NIC{}
	for _, rec := range m.nicsOf(vm) {
		out = append(out, m.viewNIC(rec))
	}
	return out
}

func (m *Manager) nicsOf(vm string) []nicRecord {
	mine := map[nicKey]nicRecord{}
	for key, rec := range m.nics {
		if key.vm == vm {
			mine[key] = rec
		}
	}
	return sorted(mine, func(r nicRecord) string { return r.Name })
}

func (m *Manager) viewNIC(rec nicRecord) hostapi.NIC {
	return hostapi.NIC{Name: rec.Name, Spec: rec.Spec, Tap: rec.Tap, Mtu: m.networks[rec.Spec.Network].Spec.Mtu}
}

// addresses returns the addresses of a specification, which has been checked.
func addresses(spec hostapi.NICSpec) []netip.Addr {
	out := make([]netip.Addr, 0, len(spec.Addresses))
	for _, text := range spec.Addresses {
		out = append(out, netip.MustParseAddr(text))
	}
	return out
}

func macOf(spec hostapi.NICSpec) net.HardwareAddr {
	mac, _ := net.ParseMAC(spec.Mac) // it has been checked
	return mac
}
