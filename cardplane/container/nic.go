package container

import (
	"context"
	"errors"
	"slices"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// Connect implements [cardplane.NICService]. What it begins is in the record
// first, and the run follows it.
func (s *Service) Connect(ctx context.Context, ref string, nic cardplane.NIC) (cardplane.Container, error) {
	e, err := s.lookup(ref)
	if err != nil {
		return cardplane.Container{}, err
	}
	n, err := s.networks.Get(ctx, nic.Network)
	if err != nil {
		return cardplane.Container{}, err
	}
	nic.Network = n.Name
	if err := checkNIC("", nic); err != nil {
		return cardplane.Container{}, err
	}
	if err := s.changeNetworks(ctx, e, n, cardplane.NetworkConnected, func(c cardplane.Container, mode modeChoice) (cardplane.Container, []store.Change, error) {
		return s.connected(c, n, nic, mode)
	}); err != nil {
		return e.snapshot(), err
	}
	return e.snapshot().WithRevision(), nil
}

// connected is c on one more network.
func (s *Service) connected(c cardplane.Container, n cardplane.Network, nic cardplane.NIC, mode modeChoice) (cardplane.Container, []store.Change, error) {
	if c.Spec.Sandbox != "" {
		return c, nil, apierr.New(apierr.FailedPrecondition, "option_of_sandbox", "container %s has the networks of sandbox %s, which are chosen when the sandbox is created", c.Name, c.Spec.Sandbox)
	}
	list := nicsNamed(c.Spec)
	if slices.ContainsFunc(list, func(other cardplane.NIC) bool { return other.Network == nic.Network }) {
		return c, nil, apierr.New(apierr.FailedPrecondition, "network_connected", "container %s is on the network %q already", c.Name, nic.Network)
	}
	if len(list) >= cardplane.MaxNICs {
		return c, nil, apierr.New(apierr.FailedPrecondition, "too_many_networks", "container %s is on %d networks; it cannot be on more", c.Name, len(list))
	}
	c.Spec.Networks = append(slices.Clone(list), nic)
	if !c.State.Active() {
		return c, nil, nil
	}
	if mode.err != nil {
		return c, nil, mode.err
	}
	var a assignment
	if err := s.assignOne(&a, mode.mode, "", n, nic, c.ID, c.Interfaces); err != nil {
		return c, nil, err
	}
	c.Interfaces = append(slices.Clone(c.Interfaces), a.interfaces...)
	return c, a.changes, nil
}

// nicsNamed are the networks of a container that names none too.
func nicsNamed(spec cardplane.ContainerSpec) []cardplane.NIC {
	if spec.Networks == nil {
		return []cardplane.NIC{{Network: cardplane.DefaultNetwork}}
	}
	return spec.Networks
}

// Disconnect implements [cardplane.NICService].
func (s *Service) Disconnect(ctx context.Context, ref, network string) (cardplane.Container, error) {
	e, err := s.lookup(ref)
	if err != nil {
		return cardplane.Container{}, err
	}
	n, err := s.networks.Get(ctx, network)
	if err != nil {
		return cardplane.Container{}, err
	}
	if err := s.changeNetworks(ctx, e, n, cardplane.NetworkDisconnected, func(c cardplane.Container, _ modeChoice) (cardplane.Container, []store.Change, error) {
		c, err := disconnected(c, n.Name)
		return c, nil, err
	}); err != nil {
		return e.snapshot(), err
	}
	return e.snapshot().WithRevision(), nil
}

// disconnected is c on one network less.
func disconnected(c cardplane.Container, network string) (cardplane.Container, error) {
	list := nicsNamed(c.Spec)
	at := slices.IndexFunc(list, func(nic cardplane.NIC) bool { return nic.Network == network })
	switch {
	case at < 0:
		return c, apierr.New(apierr.FailedPrecondition, "network_not_connected", "container %s is not on the network %q", c.Name, network)
	case at == 0 && len(c.Spec.Ports) > 0:
		return c, apierr.New(apierr.FailedPrecondition, "ports_published", "the published ports of container %s lead over the network %q; it stays on it", c.Name, network)
	}
	c.Spec.Networks = slices.Delete(slices.Clone(list), at, at+1)
	c.Interfaces = slices.DeleteFunc(slices.Clone(c.Interfaces), func(i cardplane.Interface) bool { return i.Network == network })
	return c, nil
}

// networkChange is a change of a container's networks, with what is recorded
// beside it.
type networkChange func(cardplane.Container, modeChoice) (cardplane.Container, []store.Change, error)

// modeChoice is the mode of a network for one more machine, or why it can have
// none.
type modeChoice struct {
	mode cardplane.NetworkMode
	err  error
}

// changeNetworks makes a change, to do with one network, durable, and has the
// container's machine follow. What the machine refuses is taken back. told is
// the event that tells of the change.
func (s *Service) changeNetworks(ctx context.Context, e *entry, n cardplane.Network, told cardplane.EventType, change networkChange) error {
	unlock, err := s.keys.lock(ctx, "networks of "+e.id)
	if err != nil {
		return err
	}
	defer unlock()
	r, err := e.changeableRun(ctx, "networks")
	if err != nil {
		return err
	}
	old := e.record().Container
	if err := s.changeRecord(ctx, e, n, told, change); err != nil || r == nil {
		return err
	}
	s.zones.announce()
	err = r.command(ctx, func(ctx context.Context) error { return r.net.sync(ctx, r.sb) })
	if sandbox.Refused(err) && !apierr.Is(err, "container_not_running") {
		r.log.WithError(err).Info("a change of networks is taken back")
		if undo := e.restoreNetworks(old, n, told); undo != nil {
			err = errors.Join(err, undo)
		}
		s.zones.announce()
	}
	return err
}

// changeRecord makes the change durable. Nobody else gets addresses of the
// network meanwhile.
func (s *Service) changeRecord(ctx context.Context, e *entry, n cardplane.Network, told cardplane.EventType, change networkChange) error {
	unlock, err := s.lockNetwork(ctx, n.ID)
	if err != nil {
		return err
	}
	defer unlock()
	var mode modeChoice
	if told == cardplane.NetworkConnected {
		mode.mode, mode.err = s.modeOf(ctx, n.ID)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.removed {
		return notFound(e.id)
	}
	next, changes, err := change(e.rec.Container, mode)
	if err != nil {
		return err
	}
	return e.updateLocked(func(rec *store.Record) {
		rec.Container.Spec.Networks, rec.Container.Interfaces = next.Spec.Networks, next.Interfaces
	}, append(changes, e.tellsChange(told, n))...)
}

func (e *entry) tellsChange(told cardplane.EventType, n cardplane.Network) store.Change {
	return e.tells(told, map[string]string{"network": n.Name})
}

// restoreNetworks takes a change back, and tells of that too.
func (e *entry) restoreNetworks(old cardplane.Container, n cardplane.Network, told cardplane.EventType) error {
	back := cardplane.NetworkConnected
	if told == back {
		back = cardplane.NetworkDisconnected
	}
	return e.update(func(rec *store.Record) {
		rec.Container.Spec.Networks, rec.Container.Interfaces = old.Spec.Networks, old.Interfaces
	}, e.tellsChange(back, n))
}

// changeableRun returns the run of a container that runs, and nil for one
// without. One that is just coming or going cannot be changed. what is to be.
func (e *entry) changeableRun(ctx context.Context, what string) (*run, error) {
	c, _ := e.active()
	switch {
	case c.State == cardplane.Starting || c.State == cardplane.Stopping:
		return nil, changing(c, what)
	case !c.State.Active():
		return nil, nil
	}
	return e.runningRun(ctx)
}

func changing(c cardplane.Container, what string) error {
	return apierr.New(apierr.FailedPrecondition, "container_changing", "container %s is %s; change its %s when it runs, or has ended", c.Name, c.State, what)
}
