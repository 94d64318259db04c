// Package system implements cardplane.SystemService: what runs where, and
// what is amiss on the card and on the compute host.
package system

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/openapi/version"
)

const (
	// apiVersion is the version of openapi/cardplane.yaml.
	apiVersion = "v1"
	// hostTimeout bounds a look at the host.
	hostTimeout = 5 * time.Second
	// checksTimeout bounds the host's checks, some of which start programs.
	checksTimeout = 30 * time.Second

	// Free space on the card below which there is little to load an image
	// into, and below which hardly anything works, in bytes.
	lowSpace = 2 << 30
	noSpace  = 128 << 20
)

// Config is what a Service describes.
type Config struct {
	Host      sandbox.Host
	Artefacts *sandbox.Artefacts
	// Link is the host's endpoint, for messages.
	Link string
	// DataDir is the card's data directory.
	DataDir string
	Epoch   int64
	// UserNetworks tells that networks run in user mode where the host can have
	// none.
	UserNetworks bool
	// DiskUsage looks at what the card keeps.
	DiskUsage func(context.Context) ([]cardplane.DiskUsage, error)
}

// Service implements [cardplane.SystemService].
type Service struct{ cfg Config }

var _ cardplane.SystemService = (*Service)(nil)

// New returns a Service. It needs no Close.
func New(cfg Config) *Service { return &Service{cfg} }

// VersionInfo implements [cardplane.SystemService].
func (s *Service) VersionInfo(ctx context.Context) (cardplane.VersionInfo, error) {
	return cardplane.VersionInfo{
		Version:     version.Release,
		APIVersion:  apiVersion,
		GoVersion:   runtime.Version(),
		Epoch:       s.cfg.Epoch,
		GuestKernel: s.cfg.Artefacts.Kernel(),
		Host:        s.hostVersion(ctx),
	}, nil
}

func (s *Service) hostVersion(ctx context.Context) cardplane.HostVersion {
	ctx, cancel := context.WithTimeout(ctx, hostTimeout)
	defer cancel()
	host, err := s.cfg.Host.Host(ctx)
	if err != nil {
		return cardplane.HostVersion{Detail: apierr.From(sandbox.Explain(err)).Message}
	}
	v := cardplane.HostVersion{Reachable: true, Version: host.Version}
	if host.DefaultVmm != nil {
		v.VMM = string(*host.DefaultVmm)
	}
	switch {
	case host.Networks.Available:
		v.Networks = cardplane.HostMode
	case s.cfg.UserNetworks:
		v.Networks = cardplane.UserMode
	}
	return v
}

// DiskUsage implements [cardplane.SystemService].
func (s *Service) DiskUsage(ctx context.Context) ([]cardplane.DiskUsage, error) {
	return s.cfg.DiskUsage(ctx)
}

// Doctor implements [cardplane.SystemService].
func (s *Service) Doctor(ctx context.Context) ([]cardplane.Check, error) {
	checks := []cardplane.Check{s.checkSpace(), s.checkWritable(), s.checkArtefacts()}
	reached, host := s.checkLink(ctx)
	checks = append(checks, reached)
	if host == nil {
		return checks, nil
	}
	return append(append(checks, s.checkNetworks(*host)), s.hostChecks(ctx)...), nil
}

// checkNetworks tells whether containers can have networks.
func (s *Service) checkNetworks(host hostapi.Host) cardplane.Check {
	c := cardplane.Check{Where: "host", Name: "networks", Status: cardplane.CheckOK, Detail: "containers can have networks"}
	switch n, six := host.Networks, host.Ipv6Outbound; {
	case !n.Available && s.cfg.UserNetworks:
		c.Status, c.Remedy = cardplane.CheckWarn, n.Remedy
		c.Detail = "networks run in user mode, in the card's process, with ports published on the card's machine: " + n.Reason
	case !n.Available:
		c.Status, c.Detail, c.Remedy = cardplane.CheckWarn, "containers have no networks but loopback: "+n.Reason, n.Remedy
	case !six.Available:
		c.Detail += "; those with a way out have no IPv6: " + six.Reason
	}
	return c
}

func card(name string, status cardplane.CheckStatus, remedy, format string, args ...any) cardplane.Check {
	return cardplane.Check{Where: "card", Name: name, Status: status, Detail: fmt.Sprintf(format, args...), Remedy: remedy}
}

func (s *Service) checkSpace() cardplane.Check {
	const name = "disk-space"
	var st unix.Statfs_t
	if err := unix.Statfs(s.cfg.DataDir, &st); err != nil {
		return card(name, cardplane.CheckFail, "see that the data directory exists", "%s: %v", s.cfg.DataDir, err)
	}
	free := int64(st.Bavail) * st.Bsize
	status, remedy := cardplane.CheckOK, ""
	switch {
	case free < noSpace:
		status = cardplane.CheckFail
	case free < lowSpace:
		status = cardplane.CheckWarn
	}
	if status != cardplane.CheckOK {
		remedy = "remove images with `cardctl rmi`, or free space on the file system of " + s.cfg.DataDir
	}
	return card(name, status, remedy, "%d MiB are free in %s", free>>20, s.cfg.DataDir)
}

func (s *Service) checkWritable() cardplane.Check {
	const name = "data-dir"
	f, err := os.CreateTemp(s.cfg.DataDir, ".doctor-*")
	if err == nil {
		_, err = f.Write([]byte("x"))
		_ = f.Close()
		_ = os.Remove(f.Name())
	}
	if err != nil {
		return card(name, cardplane.CheckFail, "make "+s.cfg.DataDir+" writable for cardplaned", "%v", err)
	}
	return card(name, cardplane.CheckOK, "", "%s is writable", s.cfg.DataDir)
}

func (s *Service) checkArtefacts() cardplane.Check {
	const name = "guest-artefacts"
	if err := s.cfg.Artefacts.Verify(); err != nil {
		return card(name, cardplane.CheckFail, "build them anew with `make guest`", "%v", err)
	}
	return card(name, cardplane.CheckOK, "", "kernel %s and the root image have the digests of their manifest", s.cfg.Artefacts.Kernel())
}

// checkLink returns the host too, nil where it is not reached.
func (s *Service) checkLink(ctx context.Context) (cardplane.Check, *hostapi.Host) {
	const name = "link"
	ctx, cancel := context.WithTimeout(ctx, hostTimeout)
	defer cancel()
	begun := time.Now()
	host, err := s.cfg.Host.Host(ctx)
	if err != nil {
		return card(name, cardplane.CheckFail, "start vmmd on the compute host, or give cardplaned the right --link", "%s: %v", s.cfg.Link, err), nil
	}
	return card(name, cardplane.CheckOK, "", "vmmd %s answers at %s after %s", host.Version, s.cfg.Link, time.Since(begun).Round(10*time.Microsecond)), &host
}

// hostChecks runs the host's own checks.
func (s *Service) hostChecks(ctx context.Context) []cardplane.Check {
	ctx, cancel := context.WithTimeout(ctx, checksTimeout)
	defer cancel()
	list, err := s.cfg.Host.Checks(ctx)
	if err != nil {
		return []cardplane.Check{{Where: "host", Name: "checks", Status: cardplane.CheckFail,
			Detail: err.Error(), Remedy: "look at vmmd's log"}}
	}
	checks := make([]cardplane.Check, len(list))
	for i, c := range list {
		checks[i] = cardplane.Check{Where: "host", Name: c.Name, Status: hostStatus(c.Status), Detail: c.Detail, Remedy: c.Remedy}
	}
	return checks
}

func hostStatus(s hostapi.CheckStatus) cardplane.CheckStatus {
	switch s {
	case hostapi.Ok:
		return cardplane.CheckOK
	case hostapi.Warn:
		return cardplane.CheckWarn
	}
	return cardplane.CheckFail
}
