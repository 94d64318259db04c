// Package network keeps networks: names, subnets and labels in the store, and
// the guard that removes none which is in use. It chooses subnets and
// addresses. Bridges and rules are made and removed on the compute host by
// those who use them.
package network

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

const (
	idBytes = 16
	// madeUpBytes is the length of a name that is made up, before hex.
	madeUpBytes = 8
)

var namePattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$`)

// Used is a range of addresses that the compute host uses itself.
type Used struct {
	Prefix netip.Prefix
	// By says in words what uses it.
	By string
}

// Config is what a Service works with.
type Config struct {
	Store *store.Store
	// InUse returns the name of a container that names a network, "" for none.
	// It is called with a lock held and may call nothing of the Service.
	InUse func(network string) string
	// HostUses returns what the compute host uses itself. It fails with
	// network_unavailable where the host can make no networks.
	HostUses func(ctx context.Context) ([]Used, error)
	// Tells returns what records an event of a network in the transaction that
	// makes or removes it.
	Tells func(t cardplane.EventType, n cardplane.Network) store.Change
}

// Service keeps networks. It is what implements [cardplane.NetworkService] but
// for the host's part.
type Service struct {
	cfg Config

	mu     sync.Mutex
	byName map[string]cardplane.Network
}

// Open loads all networks.
func Open(cfg Config) (*Service, error) {
	all, err := cfg.Store.LoadNetworks()
	if err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg, byName: make(map[string]cardplane.Network)}
	for _, n := range all {
		s.byName[n.Name] = n
	}
	return s, nil
}

// Create implements [cardplane.NetworkService].
func (s *Service) Create(ctx context.Context, spec cardplane.NetworkSpec, key string) (n cardplane.Network, err error) {
	if key != "" {
		key = "network/" + key
		if found, _, err := s.cfg.Store.Answer(key, spec, &n); err != nil || found {
			return n, err
		}
	}
	if err := check(spec); err != nil {
		return cardplane.Network{}, err
	}
	used, err := s.cfg.HostUses(ctx)
	if err != nil {
		return cardplane.Network{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if key != "" { // another request with it may have been faster
		if found, _, err := s.cfg.Store.Answer(key, spec, &n); err != nil || found {
			return n, err
		}
	}
	n = described(spec)
	if n.Subnets, err = s.subnetsLocked(spec, used); err != nil {
		return cardplane.Network{}, err
	}
	changes := []store.Change{s.cfg.Tells(cardplane.NetworkCreated, n)}
	if key != "" {
		changes = append(changes, store.Remember(key, spec, n, true))
	}
	if err := s.cfg.Store.CreateNetwork(n, changes...); err != nil {
		return cardplane.Network{}, err
	}
	s.byName[n.Name] = n
	return n, nil
}

// described is the network that spec asks for, but for its subnets.
func described(spec cardplane.NetworkSpec) cardplane.Network {
	return cardplane.Network{
		ID: random(idBytes), Name: cmp.Or(spec.Name, random(madeUpBytes)), MTU: cmp.Or(spec.MTU, cardplane.DefaultMTU),
		Internal: spec.Internal, Isolated: spec.Isolated, Labels: spec.Labels, CreatedAt: time.Now().UTC(),
	}
}

// CheckName refuses what cannot be a network's name. field is where it stands.
func CheckName(field, name string) error {
	if !namePattern.MatchString(name) {
		return apierr.New(apierr.InvalidArgument, "invalid_name",
			"%q is no name of a network; use up to 63 letters, digits, '_', '.' and '-', the first a letter or digit", name).At(field)
	}
	return nil
}

func check(spec cardplane.NetworkSpec) error {
	if spec.Name != "" {
		if err := CheckName("/name", spec.Name); err != nil {
			return err
		}
	}
	if spec.Name == "none" || spec.Name == "host" {
		return apierr.New(apierr.InvalidArgument, "invalid_name", "the name %q has a meaning of its own; choose another", spec.Name).At("/name")
	}
	if spec.MTU != 0 && (spec.MTU < cardplane.MinMTU || spec.MTU > cardplane.MaxMTU) {
		return apierr.New(apierr.InvalidArgument, "invalid_mtu",
			"an MTU of %d is not possible; ask for %d to %d", spec.MTU, cardplane.MinMTU, cardplane.MaxMTU).At("/mtu")
	}
	_, err := parseSubnets(spec.Subnets)
	return err
}

// Get implements [cardplane.NetworkService].
func (s *Service) Get(_ context.Context, ref string) (cardplane.Network, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.getLocked(ref)
}

func (s *Service) getLocked(ref string) (cardplane.Network, error) {
	if n, ok := s.byName[ref]; ok {
		return n, nil
	}
	for _, n := range s.byName {
		if n.ID == ref {
			return n, nil
		}
	}
	return cardplane.Network{}, store.NetworkNotFound(ref)
}

// List implements [cardplane.NetworkService].
func (s *Service) List(_ context.Context, filter cardplane.NetworkFilter) ([]cardplane.Network, error) {
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.byName))
	s.mu.Unlock()
	all = slices.DeleteFunc(all, func(n cardplane.Network) bool { return !filter.Match(n) })
	slices.SortFunc(all, func(a, b cardplane.Network) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// Remove implements [cardplane.NetworkService]. A container that begins to name
// the network meanwhile finds it gone when it looks for it once more.
func (s *Service) Remove(_ context.Context, ref string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.getLocked(ref)
	if err != nil {
		return err
	}
	if user := s.cfg.InUse(n.Name); user != "" {
		return store.NetworkInUse(n.Name, user)
	}
	if err := s.cfg.Store.RemoveNetwork(n, s.cfg.Tells(cardplane.NetworkRemoved, n)); err != nil {
		return err
	}
	delete(s.byName, n.Name)
	return nil
}

// random returns n random bytes in hex.
func random(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(raw)
}
