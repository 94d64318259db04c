package network

import (
	"errors"
	"reflect"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/network/links"
)

// PutForward leads a port of the host into a network. One that exists with the
// same specification is returned as it is. id must have been validated. Errors:
// those of putForward in the document.
func (m *Manager) PutForward(id string, spec hostapi.ForwardSpec) (hostapi.Forward, error) {
	spec, err := normalForward(spec)
	if err != nil {
		return hostapi.Forward{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.forwards[id]; ok {
		if !reflect.DeepEqual(old.Spec, spec) {
			return hostapi.Forward{}, apierr.New(apierr.AlreadyExists, "forward_exists",
				"forward %q exists with another specification; delete it or choose another id", id)
		}
		return viewForward(old), m.apply()
	}
	if err := m.checkForward(spec); err != nil {
		return hostapi.Forward{}, err
	}
	rec := forwardRecord{ID: id, Spec: spec, HostPort: spec.HostPort, CreatedAt: time.Now().UTC()}
	held, err := holdPort(rec)
	if err != nil {
		return hostapi.Forward{}, m.describeTaken(rec, err)
	}
	rec.HostPort = held.port
	m.holds[id] = held
	if err := m.makeForward(rec); err != nil {
		return hostapi.Forward{}, errors.Join(err, m.removeForward(rec))
	}
	return viewForward(rec), nil
}

func (m *Manager) checkForward(spec hostapi.ForwardSpec) error {
	into, err := m.find(spec.Network)
	if err != nil {
		return err
	}
	if len(into.Spec.Addresses) == 0 {
		return apierr.New(apierr.FailedPrecondition, "address_outside_network",
			"network %q has no addresses, so that nothing leads into it; give it some", spec.Network).At("/network")
	}
	to := target(spec).Addr()
	if err := into.checkInside(to); err != nil {
		return apierr.From(err).At("/address")
	}
	if lack := IPv6Outbound(); lack != nil && to.Is6() {
		return apierr.New(apierr.NotSupported, codeIPv6Outbound,
			"what comes from outside to %s cannot be passed on: %s; %s", to, lack.Reason, lack.Remedy).At("/address")
	}
	return nil
}

// makeForward records a forward and puts it in effect. Connections to the port
// that are known from before are judged anew.
func (m *Manager) makeForward(rec forwardRecord) error {
	if err := m.cfg.Step(OpRecord); err != nil {
		return err
	}
	m.forwards[rec.ID] = rec
	if err := m.forwardLedger().put(rec.ID, rec); err != nil {
		return err
	}
	if err := m.apply(); err != nil {
		return err
	}
	return rec.forget()
}

// removeForward undoes makeForward, or as much as there was of it.
func (m *Manager) removeForward(rec forwardRecord) error {
	delete(m.forwards, rec.ID)
	err := m.apply()
	if err == nil {
		err = rec.forget()
	}
	if err == nil {
		err = m.cfg.Step(OpForget)
	}
	if err != nil {
		m.forwards[rec.ID] = rec // to be removed again
		return err
	}
	if held, ok := m.holds[rec.ID]; ok {
		held.release()
		delete(m.holds, rec.ID)
	}
	return m.forwardLedger().remove(rec.ID)
}

func (rec forwardRecord) forget() error {
	return links.ForgetPort(target(rec.Spec).Addr(), protocolOf(rec.Spec), uint16(rec.HostPort))
}

// DeleteForward removes a forward. One that does not exist is removed.
func (m *Manager) DeleteForward(id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	rec, ok := m.forwards[id]
	if !ok {
		return m.forwardLedger().remove(id)
	}
	return m.removeForward(rec)
}

// Forwards returns all forwards, ordered by id.
func (m *Manager) Forwards() []hostapi.Forward {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := []hostapi.Forward{}
	for _, rec := range sorted(m.forwards, func(r forwardRecord) string { return r.ID }) {
		out = append(out, viewForward(rec))
	}
	return out
}

func viewForward(rec forwardRecord) hostapi.Forward {
	return hostapi.Forward{Id: rec.ID, Spec: rec.Spec, HostPort: rec.HostPort, CreatedAt: rec.CreatedAt}
}
