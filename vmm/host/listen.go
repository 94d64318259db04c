package host

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/vmm/pinned"
)

// Listen opens an endpoint: unix:///path/to.sock, tcp://address:port,
// tls://address:port with the files of package pinned, or vsock://:port.
//
// A unix socket is reachable by its owner alone: mode 0600 in a directory
// that is made with mode 0700 if it is missing. Plain TCP has no way to tell
// the card from another caller, so it is served on loopback addresses only.
// Over TLS the card alone is served, whose certificate is known.
// vsock is for a host that is a virtual machine of the card's: only the other
// side of its vsock device is served.
// Errors: invalid_endpoint, invalid_tls, endpoint_in_use.
func Listen(endpoint string) (net.Listener, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, invalidEndpoint(endpoint)
	}
	switch {
	case u.Scheme == "unix" && u.Host == "" && filepath.IsAbs(u.Path):
		return listenUnix(u.Path)
	case u.Scheme == "tcp" && u.Port() != "" && u.Path == "":
		return listenTCP(u)
	case u.Scheme == "tls" && u.Port() != "" && u.Path == "":
		return listenTLS(u)
	}
	if port, ok := vsockPort(u); ok {
		return listenVsock(port)
	}
	return nil, invalidEndpoint(endpoint)
}

func invalidEndpoint(endpoint string) error {
	return apierr.New(apierr.InvalidArgument, "invalid_endpoint",
		"%q is no endpoint; give unix:///path/to.sock, tcp://127.0.0.1:port, tls://address:port?cert=FILE&key=FILE&peer=FILE or vsock://:port", endpoint)
}

func listenTCP(u *url.URL) (net.Listener, error) {
	ip := net.ParseIP(u.Hostname())
	if ip == nil || !ip.IsLoopback() {
		return nil, apierr.New(apierr.InvalidArgument, "invalid_endpoint",
			"%s is not a loopback address; plain TCP lets everyone on that network start VMs; use tls://", u.Host)
	}
	l, err := net.Listen("tcp", u.Host)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}

func listenTLS(u *url.URL) (net.Listener, error) {
	config, err := pinned.Config(u.Query())
	if err != nil {
		return nil, err
	}
	l, err := tls.Listen("tcp", u.Host, config)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}

// listenUnix replaces a socket that a dead server has left.
func listenUnix(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if conn, err := net.Dial("unix", path); err == nil {
		_ = conn.Close()
		return nil, apierr.New(apierr.FailedPrecondition, "endpoint_in_use",
			"another server answers at unix://%s; stop it or choose another path", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove stale socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("listen: %w", err), l.Close())
	}
	return l, nil
}
