package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/durable"
	"github.com/cardplane/cardplane/vmm/host/internal/network/links"
)

// forwardSetting lets all links of a family pass packets on, or one of IPv4.
const forwardSetting = "forwarding"

// forwarding is which links of the host forward packets for the sake of
// networks. Answers come back by links of the host, which have to pass them
// on. Each is recorded before it is opened and closed again at the end, by the
// last daemon that has networks; where the host forwards everything anyway none
// is touched.
type forwarding struct {
	IPv4 []string `json:"ipv4"`
	IPv6 []string `json:"ipv6"`
}

func forwardingFile(dir string) string { return filepath.Join(dir, "forwarding.json") }

func (f *forwarding) load(dir string) error {
	err := durable.ReadJSON(forwardingFile(dir), f)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (f *forwarding) empty() bool { return len(f.IPv4) == 0 && len(f.IPv6) == 0 }

// openForwarding lets the links that routes lead through pass packets on, if a
// network needs it, and closes those that it needs no more.
func (m *Manager) openForwarding() error {
	needs := len(m.forwards) > 0
	for _, n := range m.networks {
		needs = needs || n.Spec.Outbound == hostapi.OutboundMasquerade
	}
	if !needs {
		return m.closeForwarding()
	}
	uplinks, err := links.Uplinks(kin)
	if err != nil {
		return err
	}
	shared, err := m.hasKin()
	if err != nil {
		return err
	}
	return m.forwarding.open(m.cfg.Dir, uplinks, shared)
}

// closeForwarding closes what has been opened.
func (m *Manager) closeForwarding() error {
	if m.forwarding.empty() {
		return nil
	}
	shared, err := m.hasKin()
	if err != nil {
		return err
	}
	return m.forwarding.close(m.cfg.Dir, shared)
}

// hasKin reports whether another daemon of this host has networks.
func (m *Manager) hasKin() (bool, error) {
	names, err := links.List(kin)
	return slices.ContainsFunc(names, func(name string) bool {
		return bridgeName.MatchString(name) && !strings.HasPrefix(name, m.names.bridges)
	}), err
}

// open opens the links, recorded first. One that is open already is ours too
// where it is shared with another daemon.
func (f *forwarding) open(dir string, uplinks []string, shared bool) error {
	next := forwarding{IPv4: slices.Clone(f.IPv4), IPv6: slices.Clone(f.IPv6)}
	for family, opened := range map[string]*[]string{links.IPv4: &next.IPv4, links.IPv6: &next.IPv6} {
		if on, err := (links.Setting{Family: family, Interface: "all", Name: forwardSetting}).Get(); on == "1" || err != nil {
			*opened = nil // the user has it so, or there is no such family
			continue
		}
		for _, link := range uplinks {
			have, err := setting(family, link, "1").Get()
			if err == nil && (have == "0" || shared) && !slices.Contains(*opened, link) {
				*opened = append(*opened, link)
			}
		}
	}
	if !slices.Equal(next.IPv4, f.IPv4) || !slices.Equal(next.IPv6, f.IPv6) {
		if err := durable.ReplaceJSON(forwardingFile(dir), next); err != nil {
			return fmt.Errorf("record forwarding: %w", err)
		}
		*f = next
	}
	return f.set("1")
}

// close closes what has been opened, or leaves it to another daemon.
func (f *forwarding) close(dir string, shared bool) error {
	if !shared {
		if err := f.set("0"); err != nil {
			return err
		}
	}
	if err := os.Remove(forwardingFile(dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove record of forwarding: %w", err)
	}
	*f = forwarding{}
	return nil
}

func (f *forwarding) set(value string) error {
	for family, opened := range map[string][]string{links.IPv4: f.IPv4, links.IPv6: f.IPv6} {
		for _, link := range opened {
			// A link may be gone meanwhile.
			if err := setting(family, link, value).Set(); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

func setting(family, link, value string) links.Setting {
	s := links.Setting{Family: family, Interface: link, Name: forwardSetting, Value: value}
	if family == links.IPv6 {
		s.Name = links.ForwardOne
	}
	return s
}
