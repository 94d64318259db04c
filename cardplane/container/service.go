package container

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/content"
	"github.com/cardplane/cardplane/cardplane/network"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/cardplane/volume"
	"github.com/cardplane/cardplane/openapi/apierr"
)

var _ cardplane.ContainerService = (*Service)(nil)

// Config is what a Service works with. Everything in it outlives the Service.
type Config struct {
	Store     *store.Store
	Images    cardplane.ImageService
	Events    EventJournal
	Sandboxes *sandbox.Manager
	// LogDir holds a directory for each container's output journal.
	LogDir string
	Log    logrus.FieldLogger
	// ReachTimeout bounds how long a call waits for a guest or a compute host
	// that is away; 0 means 10 seconds.
	ReachTimeout time.Duration
	// KillTimeout is how long a guest may take to kill a program before its
	// machine is destroyed; 0 means a minute.
	KillTimeout time.Duration
	// QuietTime is how long no container may be started before a template is
	// made; 0 means 5 seconds.
	QuietTime time.Duration
	// Ready is the machine whose template is made as soon as the compute host is
	// there and quiet; that of others is made once one has booted. nil is none.
	Ready *sandbox.Spec
	// Names answers for names that no network has; nil answers for none.
	Names NameService
	// CardAddresses returns what guests may not reach; nil is nothing.
	CardAddresses func() []string
	// HostAddresses returns what else they may not reach where their networks
	// run in user mode, on the card: the compute host. nil is nothing.
	HostAddresses func() []string
	// UserNetworks has networks run in user mode where the compute host can
	// have none.
	UserNetworks bool
	// DialOutside connects networks in user mode to what is outside; nil is as
	// the card's machine does.
	DialOutside func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)
}

// NameService answers DNS queries, which may be anything; nil is no answer.
type NameService interface {
	Answer(ctx context.Context, query []byte) []byte
}

const (
	defaultReachTimeout = 10 * time.Second
	defaultKillTimeout  = time.Minute
	defaultQuietTime    = 5 * time.Second
)

// Service implements [cardplane.ContainerService].
type Service struct {
	cfg Config
	log logrus.FieldLogger

	ctx    context.Context // ends with the cause sandbox.ErrDetached
	cancel context.CancelCauseFunc
	work   sync.WaitGroup // runs, the janitor and the maker of templates
	kick   chan struct{}  // wakes the janitor
	keys   keyLocks

	templates *templates
	porters   porters

	mu      sync.Mutex
	closed  bool
	entries map[string]*entry // by id
	names   map[string]string // to id
	gone    []cardplane.Container

	boxes    boxes
	volumes  *volume.Service
	networks *network.Service
	usernets *usernets
	zones    *bell // of the names on networks

	contents map[cardplane.ContentKind]*content.Service
	replaced *bell // of what configs and secrets hold
}

// maxGone bounds how many removed containers Wait still knows.
const maxGone = 64

// Open loads all containers and takes up those that are active. It does not
// wait for the compute host.
func Open(cfg Config) (*Service, error) {
	records, err := cfg.Store.Load()
	if err != nil {
		return nil, err
	}
	if err := cfg.Store.Update(store.EndCopies); err != nil {
		return nil, err
	}
	s := &Service{
		cfg: cfg, log: cfg.Log, kick: make(chan struct{}, 1),
		entries: make(map[string]*entry), names: make(map[string]string), templates: newTemplates(),
		zones: newBell(), replaced: newBell(),
	}
	s.usernets = newUsernets(s)
	if s.volumes, err = volume.Open(cfg.Store, s.volumeUser, s.tellsVolume); err != nil {
		return nil, err
	}
	if s.networks, err = network.Open(network.Config{Store: cfg.Store, InUse: s.networkUser, HostUses: s.hostUses, Tells: s.tellsNetwork}); err != nil {
		return nil, err
	}
	if err := s.openContents(); err != nil {
		return nil, err
	}
	s.cfg.ReachTimeout = cmp.Or(cfg.ReachTimeout, defaultReachTimeout)
	s.cfg.KillTimeout = cmp.Or(cfg.KillTimeout, defaultKillTimeout)
	s.cfg.QuietTime = cmp.Or(cfg.QuietTime, defaultQuietTime)
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	for _, rec := range records {
		s.addLocked(rec)
	}
	if err := s.openBoxes(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	seats := s.reenter()
	for _, e := range s.entries {
		if err := s.recoverEntry(e, seats[e.id]); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		if err := e.restartAtOpen(); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.finishRemoval(e)
	}
	for _, loop := range []func(context.Context){s.janitor, s.makeTemplates} {
		s.work.Add(1)
		go func() {
			defer s.work.Done()
			loop(s.ctx)
		}()
	}
	return s, nil
}

// finishRemoval removes a container that ended and was to remove itself when
// the control plane died. The janitor deletes its disk.
func (s *Service) finishRemoval(e *entry) {
	c := e.snapshot()
	if !c.Spec.AutoRemove || !c.State.Ended() {
		return
	}
	if err := s.forget(e); err != nil {
		s.log.WithError(err).WithField("container", c.ID).Error("the container could not be removed after its end")
		e.stay()
	}
}

// Close ends all work. Running containers go on, and the next Open takes them
// up again.
func (s *Service) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel(sandbox.ErrDetached)
	s.work.Wait()
	var err error
	for _, e := range s.all() {
		err = errors.Join(err, e.closeJournal())
	}
	return err
}

// addLocked makes the entry of a record. s.mu is held, or s is not yet shared.
func (s *Service) addLocked(rec store.Record) *entry {
	e := newEntry(s, rec)
	s.entries[rec.Container.ID] = e
	s.names[rec.Container.Name] = rec.Container.ID
	return e
}

// all returns every entry, in no order.
func (s *Service) all() []*entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*entry, 0, len(s.entries))
	for _, e := range s.entries {
		list = append(list, e)
	}
	return list
}

// lookup finds the entry that ref means: an id, a name, or a prefix of an id.
func (s *Service) lookup(ref string) (*entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[ref]; e != nil {
		return e, nil
	}
	if id, ok := s.names[ref]; ok {
		return s.entries[id], nil
	}
	var matches []string
	for id := range s.entries {
		if ref != "" && strings.HasPrefix(id, ref) {
			matches = append(matches, id)
		}
	}
	switch len(matches) {
	case 0:
		return nil, notFound(ref)
	case 1:
		return s.entries[matches[0]], nil
	}
	slices.Sort(matches)
	return nil, apierr.New(apierr.InvalidArgument, "ambiguous_id",
		"the id prefix %q matches %d containers (%s); give more digits", ref, len(matches), strings.Join(short(matches), ", "))
}

// short abbreviates ids for a message, and their list if it is long.
func short(ids []string) []string {
	const most = 8
	var out []string
	for _, id := range ids[:min(len(ids), most)] {
		out = append(out, id[:12])
	}
	if len(ids) > most {
		out = append(out, "…")
	}
	return out
}

func notFound(ref string) error {
	return apierr.New(apierr.NotFound, "container_not_found",
		"there is no container %q; `cardctl ps -a` lists all containers", ref)
}

// Get implements [cardplane.ContainerService].
func (s *Service) Get(_ context.Context, ref string) (cardplane.Container, error) {
	e, err := s.lookup(ref)
	if err != nil {
		return cardplane.Container{}, err
	}
	return e.snapshot().WithRevision(), nil
}

// List implements [cardplane.ContainerService].
func (s *Service) List(_ context.Context, filter cardplane.ContainerFilter) ([]cardplane.Container, error) {
	entries := s.all()
	slices.SortFunc(entries, func(a, b *entry) int {
		return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.id, b.id))
	})
	var list []cardplane.Container
	for _, e := range entries {
		if c := e.snapshot(); filter.Match(c) {
			list = append(list, c)
		}
	}
	return list, nil
}

// Logs implements [cardplane.ContainerService].
func (s *Service) Logs(_ context.Context, ref string, opts cardplane.LogOptions) (cardplane.LogReader, error) {
	e, err := s.lookup(ref)
	if err != nil {
		return nil, err
	}
	journal, release, err := e.useJournal()
	if err != nil {
		return nil, err
	}
	reader, err := journal.Read(opts)
	if err != nil {
		release()
		return nil, err
	}
	return &logReader{LogReader: reader, release: release}, nil
}

// logReader keeps the journal open for as long as it is read.
type logReader struct {
	cardplane.LogReader
	release func()
}

// Close implements cardplane.LogReader.
func (r *logReader) Close() error {
	defer r.release()
	return r.LogReader.Close()
}

func (s *Service) journalDir(id string) string { return filepath.Join(s.cfg.LogDir, id) }

// diskID names the disk of an owner on the host.
func (s *Service) diskID(owner string) string {
	return fmt.Sprintf("%s-%s", s.cfg.Store.ID(), owner)
}

// layer is a container's writable disk on the host.
func (s *Service) layer(container string) store.Resource {
	return store.Resource{Kind: store.Disk, ID: s.diskID(container), Owner: container}
}
