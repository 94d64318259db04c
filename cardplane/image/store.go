package image

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/cardplane"
)

// Options configure a [Store].
type Options struct {
	// Dir is the directory of the store. It is made if it is missing.
	Dir string
	// Architecture is the CPU architecture that images must have, as Go names
	// it. Empty means that of this process.
	Architecture string
	// Limits bound what an image may cost. Fields that are zero mean the
	// value of [DefaultLimits].
	Limits Limits
	// Keychain finds the credentials of registries. Nil means the docker
	// configuration of this process's user and the credential helpers it names.
	Keychain authn.Keychain
	// CertsDir has a directory for each registry, HOST or HOST:PORT, that
	// needs certificates: *.crt are authorities trusted besides the system's,
	// and NAME.cert with NAME.key is shown to the registry. As docker has it.
	CertsDir string
	// Transport connects to registries that have no directory there. Nil means
	// go-containerregistry's.
	Transport *http.Transport
	// Log receives one line for each image that comes or goes. It may be nil.
	Log logrus.FieldLogger

	fs    fileSystem        // nil means the operating system's; tests inject faults
	retry transport.Backoff // zero means defaultRetry; tests are less patient
}

// Store is an image store in a directory. See [cardplane.ImageService] for
// its methods.
type Store struct {
	options Options
	limits  Limits
	fs      fileSystem
	log     logrus.FieldLogger
	lock    *os.File
	trust   *trust

	ctx     context.Context // done when the store closes
	cancel  context.CancelFunc
	flights flights

	mu       sync.Mutex
	closed   bool
	work     sync.WaitGroup // operations under way; Add only with mu held
	images   map[string]*entry
	refs     map[string]string // complete reference → ID
	blocks   map[string]block  // layers' key → block file
	removing map[string]bool   // IDs about to be removed: not found any more
	parts    map[string]bool   // hexadecimal digits of blobs that a part is claimed of
	held     map[string]int    // digests and keys that operations under way need
}

var _ cardplane.ImageService = (*Store)(nil)

// Open opens the store in options.Dir and removes what interrupted operations
// left there. It fails if another process has the store open.
func Open(options Options) (*Store, error) {
	s := newStore(options)
	for _, dir := range []string{s.path(blobDir), s.path(blockDir), s.path(partDir), s.path(tmpDir)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("image store: %w", err)
		}
	}
	lock, err := lockDir(s.path("lock"))
	if err != nil {
		return nil, fmt.Errorf("image store %s: %w", options.Dir, err)
	}
	s.lock = lock
	if err := s.recover(); err != nil {
		return nil, errors.Join(fmt.Errorf("image store %s: %w", options.Dir, err), lock.Close())
	}
	return s, nil
}

func newStore(options Options) *Store {
	if options.Architecture == "" {
		options.Architecture = runtime.GOARCH
	}
	if options.Keychain == nil {
		options.Keychain = authn.DefaultKeychain
	}
	if options.Transport == nil {
		options.Transport = remote.DefaultTransport.(*http.Transport)
	}
	if options.fs == nil {
		options.fs = osFileSystem{}
	}
	if options.retry == (transport.Backoff{}) {
		options.retry = defaultRetry
	}
	if options.Log == nil {
		quiet := logrus.New()
		quiet.SetLevel(logrus.PanicLevel)
		options.Log = quiet
	}
	s := &Store{
		options:  options,
		limits:   options.Limits.withDefaults(),
		fs:       options.fs,
		trust:    &trust{dir: options.CertsDir, base: options.Transport},
		log:      options.Log,
		images:   make(map[string]*entry),
		refs:     make(map[string]string),
		blocks:   make(map[string]block),
		removing: make(map[string]bool),
		parts:    make(map[string]bool),
		held:     make(map[string]int),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

func lockDir(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another process has it open: %w", err), f.Close())
	}
	return f, nil
}

// unlockDir ends a lockDir. A child of this process that is between fork and exec
// has the file open too, so that closing it alone would not.
func unlockDir(f *os.File) error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}

// recover loads the index and sweeps what it does not lead to.
func (s *Store) recover() error {
	if err := s.loadIndex(); err != nil {
		return err
	}
	left, err := os.ReadDir(s.path(tmpDir))
	if err != nil {
		return err
	}
	for _, e := range left {
		if err := os.RemoveAll(s.path(tmpDir, e.Name())); err != nil {
			return err
		}
	}
	if err := s.trimParts(s.limits.Parts); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.collectLocked()
}

// Close implements [cardplane.ImageService].
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.work.Wait()
	s.trust.close()
	return unlockDir(s.lock)
}

var errClosed = errors.New("image store is closed")

// begin registers an operation. The context it returns is done when ctx is or
// when the store closes. The operation must call end when it is over.
func (s *Store) begin(ctx context.Context) (_ context.Context, end func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, errClosed
	}
	s.work.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.ctx, func() { cancel(errClosed) })
	return ctx, func() { stop(); cancel(nil); s.work.Done() }, nil
}

// List implements [cardplane.ImageService].
func (s *Store) List(_ context.Context, filter cardplane.ImageFilter) ([]cardplane.Image, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	var list []cardplane.Image
	for id := range s.images {
		if image := s.imageLocked(id); filter.Match(image) {
			list = append(list, image)
		}
	}
	slices.SortFunc(list, func(a, b cardplane.Image) int {
		if c := b.Created.Compare(a.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list, nil
}

// Get implements [cardplane.ImageService].
func (s *Store) Get(_ context.Context, nameOrID string) (cardplane.Image, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return cardplane.Image{}, errClosed
	}
	id, _, err := s.findLocked(nameOrID)
	if err != nil {
		return cardplane.Image{}, err
	}
	return s.imageLocked(id), nil
}

// imageLocked returns the image with the given ID and its present names. The
// caller may change it.
func (s *Store) imageLocked(id string) cardplane.Image {
	e := s.images[id]
	img := e.image
	img.Size = e.Block.Size
	img.Names, img.RepoDigests = s.namesLocked(id)
	c := &img.Config
	c.Env, c.Entrypoint, c.Cmd = slices.Clone(c.Env), slices.Clone(c.Entrypoint), slices.Clone(c.Cmd)
	c.ExposedPorts, c.Volumes = slices.Clone(c.ExposedPorts), slices.Clone(c.Volumes)
	c.Labels = maps.Clone(c.Labels)
	return img
}

// namesLocked returns the references with a tag and those by digest that point
// at id, sorted.
func (s *Store) namesLocked(id string) (names, digests []string) {
	names, digests = []string{}, []string{}
	for ref, to := range s.refs {
		switch {
		case to != id:
		case strings.Contains(ref, "@"):
			digests = append(digests, ref)
		default:
			names = append(names, ref)
		}
	}
	slices.Sort(names)
	slices.Sort(digests)
	return names, digests
}

// path returns a path below the store's directory.
func (s *Store) path(elem ...string) string {
	return filepath.Join(append([]string{s.options.Dir}, elem...)...)
}
