package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/blob"
	"github.com/cardplane/cardplane/vmm/host/internal/confine"
	"github.com/cardplane/cardplane/vmm/host/internal/disk"
	"github.com/cardplane/cardplane/vmm/host/internal/machine"
	"github.com/cardplane/cardplane/vmm/host/internal/network"
	"github.com/cardplane/cardplane/vmm/host/internal/procs"
	"github.com/cardplane/cardplane/vmm/host/internal/relay"
	"github.com/cardplane/cardplane/vmm/host/internal/snapshot"
	"github.com/cardplane/cardplane/vmm/host/internal/tail"
)

// Server answers the host API. One server at a time owns a run directory and
// a data directory.
type Server struct {
	cfg    Config
	hostID uuid.UUID
	bootID string

	lock     *os.File
	blobs    *blob.Store
	disks    *disk.Store
	saved    *snapshot.Store
	cgroups  *procs.Cgroups
	networks *network.Manager
	machines *machine.Manager
	watcher  *tail.Watcher
	relay    relay.Relay

	// ctx ends streams, long polls and tunnels when the server closes.
	ctx     context.Context
	cancel  context.CancelFunc
	http    *http.Server
	tunnels sync.WaitGroup
	close   func() error
}

// New opens the directories, takes over the VMs that run, and returns a
// server that is ready to Serve. Errors: run_dir_locked when another daemon
// owns a directory, run_dir_too_long.
func New(cfg Config) (_ *Server, err error) {
	cfg.setDefaults()
	s := &Server{cfg: cfg}
	s.close = sync.OnceValue(s.shutdown)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := s.openDirs(); err != nil {
		return nil, err
	}
	if s.blobs, err = blob.Open(filepath.Join(cfg.DataDir, "blobs"), cfg.Step); err != nil {
		return nil, err
	}
	if s.disks, err = disk.Open(filepath.Join(cfg.DataDir, "disks"), s.blobs.Path, cfg.Step); err != nil {
		return nil, err
	}
	if s.saved, err = snapshot.Open(filepath.Join(cfg.DataDir, "snapshots"), cfg.Step); err != nil {
		return nil, err
	}
	if s.watcher, err = tail.NewWatcher(); err != nil {
		return nil, err
	}
	s.networks, err = network.Open(network.Config{Dir: networkDir(cfg.RunDir), Tun: cfg.Tun, Step: cfg.Step, Log: cfg.Log})
	if err != nil {
		return nil, err
	}
	if err := s.openMachines(); err != nil {
		return nil, err
	}
	// Those of VMs that were removed just now, or by hand.
	if err := s.networks.Sweep(s.machines.Exists); err != nil {
		return nil, err
	}
	s.http = s.newHTTPServer()
	return s, nil
}

// openDirs makes the directories, locks them and reads who this host is.
func (s *Server) openDirs() (err error) {
	for _, dir := range []string{s.cfg.RunDir, s.cfg.DataDir} {
		if err := procs.MakeDir(dir, s.cfg.UIDs != UIDRange{}); err != nil {
			return err
		}
	}
	if s.lock, err = lockDir(s.cfg.RunDir); err != nil {
		return err
	}
	if s.bootID, err = readBootID(); err != nil {
		return err
	}
	s.hostID, err = readHostID(filepath.Join(s.cfg.DataDir, "host.json"))
	return err
}

func (s *Server) openMachines() (err error) {
	if s.cfg.Cgroups {
		if s.cgroups, err = procs.OpenCgroups("cardplane"); err != nil {
			s.cfg.Log.WithError(err).Warn("VMMs get no cgroup of their own and no limits")
		} else if lacking := s.cgroups.Lacking(); len(lacking) > 0 {
			s.cfg.Log.WithField("controllers", lacking).Warn("VMMs get no limits where cgroup v2 lacks a controller")
		}
	}
	landlock := 0
	if s.cfg.Landlock {
		if landlock, err = confine.ABI(); err != nil {
			s.cfg.Log.WithError(err).Warn("VMMs are not confined to their files")
		}
	}
	s.machines, err = machine.Open(machine.Config{
		Dir:       filepath.Join(s.cfg.RunDir, "vm"),
		AttachDir: filepath.Join(s.cfg.DataDir, "attached"),
		UIDs:      s.cfg.UIDs,
		Claims:    procs.Claims(s.cfg.UIDDir),
		Landlock:  landlock,
		// Asked once: it does not change while the host is up.
		CoreScheduling: coreScheduling(),
		BootID:         s.bootID,
		Resolve:        s.resolveAttachments,
		Lend:           s.saved.Lend,
		Networks:       s.networks,
		Tun:            s.cfg.Tun,
		Cgroups:        s.cgroups,
		StartTimeout:   s.cfg.StartTimeout,
		TrimInterval:   trimInterval,
		Step:           s.cfg.Step,
		Log:            s.cfg.Log,
	})
	return err
}

// networkDir is where what is known of networks stands.
func networkDir(runDir string) string { return filepath.Join(runDir, "net") }

const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10
	// drainTimeout bounds the wait for requests under way when the server
	// closes. An upload that is cut goes on later.
	drainTimeout = 2 * time.Second
)

func (s *Server) newHTTPServer() *http.Server {
	return &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
	}
}

// Serve answers requests from l until the server is closed, which gives nil.
// It may be called for several listeners at once and closes l.
func (s *Server) Serve(l net.Listener) error {
	err := s.http.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve %s: %w", l.Addr(), err)
}

// Close ends requests, streams and tunnels and lets go of the directories. It
// leaves the VMs running. No goroutine of the server is left when it returns.
// It may be called more than once.
func (s *Server) Close() error { return s.close() }

func (s *Server) shutdown() error {
	s.cancel()
	var failed []error
	if s.http != nil {
		ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
		if err := s.http.Shutdown(ctx); err != nil {
			failed = append(failed, s.http.Close())
		}
		cancel()
	}
	s.tunnels.Wait()
	s.relay.Close()
	if s.machines != nil {
		s.machines.Close()
	}
	if s.networks != nil {
		s.networks.Close()
	}
	s.cgroups.Close()
	if s.watcher != nil {
		failed = append(failed, s.watcher.Close())
	}
	if s.lock != nil {
		failed = append(failed, s.lock.Close())
	}
	return errors.Join(failed...)
}

// resolveAttachments finds the files of attachments on this host, but for blank
// ones, which have none yet. It finds no disk to write to that is being copied.
func (s *Server) resolveAttachments(attachments []hostapi.Attachment) (map[string]string, error) {
	paths := make(map[string]string, len(attachments))
	for _, a := range attachments {
		var err error
		switch {
		case a.BlankBytes != nil: // the VM's own
		case a.Blob != nil:
			paths[a.Name], _, err = s.blobs.Path(*a.Blob)
		default:
			paths[a.Name], err = s.disks.Path(*a.Disk)
			if err == nil && !a.Readonly {
				err = s.disks.Lent(*a.Disk)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return paths, nil
}
