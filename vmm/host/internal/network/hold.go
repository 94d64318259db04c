package network

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// hold is a socket that has a port of the host, so that no program can have
// it. It takes no connection: what comes to the port goes elsewhere before.
type hold struct{ fd, port int }

func (h hold) release() { _ = unix.Close(h.fd) }

// holdPort takes the forward's port, a free one if its HostPort is 0.
func holdPort(rec forwardRecord) (hold, error) {
	domain, kind := unix.AF_INET, unix.SOCK_STREAM
	to := target(rec.Spec)
	if to.Addr().Is6() {
		domain = unix.AF_INET6
	}
	if rec.Spec.Protocol == hostapi.ProtocolUDP {
		kind = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return hold{}, fmt.Errorf("hold port: %w", err)
	}
	h := hold{fd: fd}
	if h.port, err = bind(fd, domain, hostAddress(rec.Spec), rec.HostPort); err != nil {
		h.release()
		return hold{}, err
	}
	return h, nil
}

// bind binds a socket and returns its port. The zero address is all of the
// domain's.
func bind(fd, domain int, a netip.Addr, port int) (int, error) {
	var at unix.Sockaddr = &unix.SockaddrInet4{Port: port}
	switch {
	case domain == unix.AF_INET6:
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return 0, fmt.Errorf("hold port: %w", err)
		}
		at6 := &unix.SockaddrInet6{Port: port}
		if a.IsValid() {
			at6.Addr = a.As16()
		}
		at = at6
	case a.IsValid():
		at = &unix.SockaddrInet4{Port: port, Addr: a.As4()}
	}
	if err := unix.Bind(fd, at); err != nil {
		return 0, fmt.Errorf("hold port %d: %w", port, err)
	}
	bound, err := unix.Getsockname(fd)
	switch bound := bound.(type) {
	case *unix.SockaddrInet4:
		return bound.Port, nil
	case *unix.SockaddrInet6:
		return bound.Port, nil
	}
	return 0, fmt.Errorf("hold port: %w", err)
}

// describeTaken makes err, of holdPort, one that the card may see.
func (m *Manager) describeTaken(rec forwardRecord, err error) error {
	where := hostAddress(rec.Spec)
	switch {
	case errors.Is(err, unix.EADDRNOTAVAIL) && where.IsValid():
		return apierr.New(apierr.FailedPrecondition, "host_address_unavailable",
			"the host has no address %s; give one that it has, or none for all", where).At("/hostAddress")
	case !errors.Is(err, unix.EADDRINUSE):
		return err
	}
	for _, other := range m.forwards {
		at := hostAddress(other.Spec)
		if other.HostPort == rec.HostPort && other.Spec.Protocol == rec.Spec.Protocol &&
			target(other.Spec).Addr().Is4() == target(rec.Spec).Addr().Is4() && (at == where || !at.IsValid() || !where.IsValid()) {
			return apierr.New(apierr.FailedPrecondition, "port_taken",
				"%s port %d of the host is that of forward %q; choose another, or 0", rec.Spec.Protocol, rec.HostPort, other.ID).At("/hostPort")
		}
	}
	return apierr.New(apierr.FailedPrecondition, "port_taken",
		"a program of the host has %s port %d; choose another, or 0", rec.Spec.Protocol, rec.HostPort).At("/hostPort")
}

// holdAll takes the ports of all forwards again. One that a program has taken
// while no daemon ran is led into the network all the same.
func (m *Manager) holdAll() {
	for id, rec := range m.forwards {
		held, err := holdPort(rec)
		if err != nil {
			m.cfg.Log.WithError(err).WithField("forward", id).Warn("cannot hold the port of a forward")
			continue
		}
		m.holds[id] = held
	}
}

func (m *Manager) closeHolds() {
	for id, held := range m.holds {
		held.release()
		delete(m.holds, id)
	}
}
