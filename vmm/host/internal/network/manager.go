// Package network owns the networks of a host's VMs: bridges, taps, what may
// pass between them, and ports of the host that lead into them.
//
// What is known stands in records, one file each, beneath the run directory.
// Links and the tables of the packet filter are named after that directory, so
// that several daemons of one host have each their own, and one that is started
// again finds its own: Open makes what the records tell of and removes what
// else bears its names. The records alone decide; nothing is kept in a process
// but the sockets that hold the ports of forwards.
package network

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/network/links"
	"github.com/cardplane/cardplane/vmm/host/internal/network/rules"
)

// Acts that a Step sees.
const (
	OpRecord = "net.record"
	OpLinks  = "net.links"
	OpRules  = "net.rules"
	OpForget = "net.forget"
)

// Config is what a Manager needs.
type Config struct {
	// Dir holds the records. It is made if it is missing.
	Dir string
	// Tun is the device that VMMs open their interfaces through, without which
	// there are no networks; [TunDevice] when it is empty.
	Tun string
	// Step is called before each act that changes the host, with the act's
	// name. Nil does nothing.
	Step func(op string) error
	Log  logrus.FieldLogger
}

// Manager owns the networks of a host. Its methods may be called concurrently.
type Manager struct {
	cfg   Config
	names names
	// capable says that networks could be made once.
	capable atomic.Bool

	mu         sync.Mutex
	networks   map[string]networkRecord // by id
	nics       map[nicKey]nicRecord
	forwards   map[string]forwardRecord // by id
	holds      map[string]hold          // by id of the forward
	forwarding forwarding
	// made says that there may be something of ours on the host.
	made bool
}

// names are what links and tables of one run directory are called.
type names struct{ bridges, taps, table string }

// kin is what the names of links of all daemons begin with.
const kin = "cp"

// bridgeName is how all daemons name bridges.
var bridgeName = regexp.MustCompile(`^` + kin + `[a-z2-7]{5}b[0-9]+$`)

// namesOf returns the names for a directory of records. A link's name has at
// most 15 bytes; these leave seven for a number.
func namesOf(dir string) names {
	sum := sha256.Sum256([]byte(dir))
	mark := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:5]
	return names{bridges: kin + mark + "b", taps: kin + mark + "t", table: "cardplane_" + mark}
}

// links is what the names of bridges and taps alike begin with.
func (n names) links() string { return n.bridges[:len(n.bridges)-1] }

// Open makes the host be as the records say, as far as it can.
func Open(cfg Config) (*Manager, error) {
	if cfg.Tun == "" {
		cfg.Tun = TunDevice
	}
	if cfg.Step == nil {
		cfg.Step = func(string) error { return nil }
	}
	m := &Manager{
		cfg: cfg, names: namesOf(cfg.Dir),
		networks: map[string]networkRecord{}, nics: map[nicKey]nicRecord{}, forwards: map[string]forwardRecord{},
		holds: map[string]hold{}, made: true,
	}
	if err := m.load(); err != nil {
		return nil, err
	}
	if m.empty() && !admin() {
		return m, nil // this daemon may change nothing, and has nothing to
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.reconcile(); err != nil {
		// VMs are to be found again all the same. The rules that there are
		// stay, and the next change tries to make all right.
		m.cfg.Log.WithError(err).Error("networks are not as they should be")
	}
	m.holdAll()
	return m, nil
}

func (m *Manager) networkLedger() ledger { return ledger(filepath.Join(m.cfg.Dir, "networks")) }
func (m *Manager) nicLedger() ledger     { return ledger(filepath.Join(m.cfg.Dir, "nics")) }
func (m *Manager) forwardLedger() ledger { return ledger(filepath.Join(m.cfg.Dir, "forwards")) }

// load reads all records.
func (m *Manager) load() error {
	return errors.Join(
		m.networkLedger().read(func(read func(any) error) error {
			var r networkRecord
			err := read(&r)
			m.networks[r.ID] = r
			return err
		}),
		m.nicLedger().read(func(read func(any) error) error {
			var r nicRecord
			err := read(&r)
			m.nics[r.key()] = r
			return err
		}),
		m.forwardLedger().read(func(read func(any) error) error {
			var r forwardRecord
			err := read(&r)
			m.forwards[r.ID] = r
			return err
		}),
		m.forwarding.load(m.cfg.Dir),
	)
}

func (m *Manager) empty() bool {
	return len(m.networks) == 0 && len(m.nics) == 0 && len(m.forwards) == 0 && m.forwarding.empty()
}

// reconcile makes what the records tell of, and removes what they do not.
func (m *Manager) reconcile() error {
	have, err := links.List(m.names.links())
	if err != nil {
		return err
	}
	for _, name := range have {
		if m.knows(name) {
			continue
		}
		m.cfg.Log.WithField("link", name).Info("removing a link that no network has")
		if err := links.Remove(name); err != nil {
			return err
		}
	}
	for _, n := range m.networks {
		if err := bridgeOf(n).Ensure(); err != nil {
			return err
		}
	}
	// The rules are there before frames can pass.
	if err := m.apply(); err != nil {
		return err
	}
	for _, n := range m.nics {
		if err := m.tapOf(n).Ensure(); err != nil {
			return err
		}
	}
	return nil
}

// knows reports whether a record has the link of that name.
func (m *Manager) knows(link string) bool {
	for _, n := range m.networks {
		if n.Bridge == link {
			return true
		}
	}
	for _, n := range m.nics {
		if n.Tap == link {
			return true
		}
	}
	return false
}

// apply makes the packet filter, and what the host forwards, be as the records
// say. Once there is no record, nothing of ours is left.
func (m *Manager) apply() error {
	if err := m.cfg.Step(OpRules); err != nil {
		return err
	}
	if len(m.networks) == 0 {
		if !m.made {
			return nil
		}
		if err := errors.Join(m.closeForwarding(), rules.Remove(m.names.table)); err != nil {
			return err
		}
		m.made = false
		return nil
	}
	m.made = true
	if err := m.openForwarding(); err != nil {
		return err
	}
	return m.ruleset().Apply()
}

// Close lets go of the ports that forwards hold. All else stays.
func (m *Manager) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closeHolds()
}

// freeName returns prefix with the lowest number that is not taken.
func freeName(prefix string, taken func(string) bool) string {
	for n := 1; ; n++ {
		if name := fmt.Sprintf("%s%d", prefix, n); !taken(name) {
			return name
		}
	}
}

// sorted returns the values of a map in the order of their keys' text.
func sorted[K comparable, V any](m map[K]V, text func(V) string) []V {
	out := make([]V, 0, len(m))
	for _, v := range m {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b V) int { return strings.Compare(text(a), text(b)) })
	return out
}

// unavailable is the error of a host that can make no networks.
func unavailable(lack *hostapi.Capability) error {
	return apierr.New(apierr.NotSupported, "network_unavailable", "this host cannot make networks: %s; %s", lack.Reason, lack.Remedy)
}
