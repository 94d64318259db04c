package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/container"
	"github.com/cardplane/cardplane/cardplane/dns"
	"github.com/cardplane/cardplane/cardplane/event"
	"github.com/cardplane/cardplane/cardplane/httpapi"
	"github.com/cardplane/cardplane/cardplane/image"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/cardplane/system"
	"github.com/cardplane/cardplane/openapi/version"
	"github.com/cardplane/cardplane/vmm/link"
)

const (
	// maxEvents bounds the journal of events.
	maxEvents = 10000
	// Bounds on clients of the API. Bodies are bounded by their handlers, as
	// an image may take long to arrive.
	headerTimeout   = 10 * time.Second
	idleTimeout     = 2 * time.Minute
	maxHeader       = 1 << 20
	shutdownTimeout = 10 * time.Second
	// gcPercent trades a little processor time for memory, of which a card
	// has less.
	gcPercent = 50
)

// Main is cardplaned as a value, so that tests run it in their own process.
type Main struct {
	// Listen are the endpoints of the API, Link is vmmd's.
	Listen []string
	Link   string
	// TLSCert and TLSKey are the files of the tls:// endpoints' certificate,
	// TLSClientCA that of the authorities of clients.
	TLSCert, TLSKey, TLSClientCA string
	// DataDir is where everything is kept, Guest where the artefacts are.
	DataDir, Guest string
	// CertsDir has the certificates of registries.
	CertsDir string
	// ResolvConf names the resolvers that guests' questions go to.
	ResolvConf string
	// BootTimeout bounds a guest's boot.
	BootTimeout time.Duration
	// Templates is how many templates are kept; 0 for none.
	Templates int
	// UserNetworks has networks run in user mode where the host can have none.
	UserNetworks bool
	LogLevel     logrus.Level
	// Output is where the log goes; nil means standard error.
	Output io.Writer

	log     *logrus.Logger
	closers []func() error // in order of opening
}

// Run serves until ctx ends. Containers go on after it.
func (m *Main) Run(ctx context.Context) error {
	debug.SetGCPercent(gcPercent)
	m.log = logrus.New()
	m.log.SetLevel(m.LogLevel)
	if m.Output != nil {
		m.log.SetOutput(m.Output)
	}
	services, epoch, err := m.open()
	if err != nil {
		return err
	}
	listeners, err := m.listen()
	if err != nil {
		return err
	}
	m.log.WithFields(logrus.Fields{"version": version.Release, "epoch": epoch, "listen": m.Listen, "link": m.Link}).Info("serving")
	err = m.serve(ctx, httpapi.New(services, m.log), listeners)
	m.log.Info("ending; running containers go on and are taken up at the next start")
	return err
}

// Close releases everything that Run has opened.
func (m *Main) Close() error {
	var err error
	for i := len(m.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, m.closers[i]())
	}
	m.closers = nil
	return err
}

func (m *Main) onClose(f func() error) { m.closers = append(m.closers, f) }

// open builds the services from the bottom up.
func (m *Main) open() (services httpapi.Services, epoch int64, err error) {
	// Its parent may be the host daemon's parent too, which others pass.
	if err := os.MkdirAll(filepath.Dir(m.DataDir), 0o755); err != nil {
		return services, 0, fmt.Errorf("make data directory: %w", err)
	}
	if err := os.MkdirAll(m.DataDir, 0o700); err != nil {
		return services, 0, fmt.Errorf("make data directory: %w", err)
	}
	artefacts, err := sandbox.OpenArtefacts(m.Guest)
	if err != nil {
		return services, 0, err
	}
	hostLink, err := link.Open(m.Link)
	if err != nil {
		return services, 0, err
	}
	m.onClose(func() error { hostLink.Close(); return nil })
	st, err := store.Open(filepath.Join(m.DataDir, "state.db"))
	if err != nil {
		return services, 0, err
	}
	m.onClose(st.Close)
	events, err := event.Open(st.DB(), maxEvents)
	if err != nil {
		return services, 0, err
	}
	images, err := image.Open(image.Options{Dir: filepath.Join(m.DataDir, "images"), CertsDir: m.CertsDir, Log: m.log})
	if err != nil {
		return services, 0, err
	}
	m.onClose(images.Close)
	host := sandbox.OverLink(hostLink)
	containers, err := container.Open(container.Config{
		Store: st, Images: images, Events: events,
		Sandboxes: sandbox.NewManager(sandbox.Config{
			Host: host, Artefacts: artefacts, Epoch: st.Epoch(), BootTimeout: m.BootTimeout,
			Templates: m.Templates, Prefix: st.ID() + "-", Log: m.log,
		}),
		Ready: &sandbox.Spec{
			VCPUs: cardplane.DefaultVCPUs, MemoryBytes: cardplane.DefaultMemoryBytes,
			Image: sandbox.AnyImage, Disk: &sandbox.Disk{SizeBytes: cardplane.DefaultStorageBytes},
		},
		LogDir: filepath.Join(m.DataDir, "logs"),
		Log:    m.log,
		Names:  dns.New(m.ResolvConf), CardAddresses: cardAddresses(m.Link),
		UserNetworks: m.UserNetworks, HostAddresses: hostAddresses(m.Link),
	})
	if err != nil {
		return services, 0, err
	}
	m.onClose(containers.Close)
	return httpapi.Services{
		Containers: containers,
		Images:     containers.Images(),
		Volumes:    containers.Volumes(),
		Configs:    containers.Configs(),
		Secrets:    containers.Secrets(),
		Sandboxes:  containers.Sandboxes(),
		Networks:   containers.Networks(),
		Events:     events,
		System: system.New(system.Config{
			Host: host, Artefacts: artefacts, Link: m.Link, DataDir: m.DataDir, Epoch: st.Epoch(), DiskUsage: containers.DiskUsage,
			UserNetworks: m.UserNetworks,
		}),
	}, st.Epoch(), nil
}

func (m *Main) listen() ([]net.Listener, error) {
	var list []net.Listener
	for _, endpoint := range m.Listen {
		l, err := m.listenOn(endpoint)
		if err != nil {
			for _, l := range list {
				err = errors.Join(err, l.Close())
			}
			return nil, err
		}
		list = append(list, l)
	}
	return list, nil
}

// serve answers on all listeners until ctx ends.
func (m *Main) serve(ctx context.Context, handler http.Handler, listeners []net.Listener) error {
	group, ctx := errgroup.WithContext(ctx)
	// Streams end with their request's context, and Shutdown waits for them.
	server := &http.Server{
		Handler:           handler,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
	}
	for _, l := range listeners {
		group.Go(func() error {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve %s: %w", l.Addr(), err)
			}
			return nil
		})
	}
	group.Go(func() error {
		<-ctx.Done()
		deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if err := server.Shutdown(deadline); err != nil {
			return server.Close()
		}
		return nil
	})
	return group.Wait()
}
