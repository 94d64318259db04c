package main

import (
	"flag"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/vmm/link"
)

// listenFlags is a flag that may be given several times.
type listenFlags []string

// String implements flag.Value.
func (l *listenFlags) String() string { return strings.Join(*l, " ") }

// Set implements flag.Value.
func (l *listenFlags) Set(value string) error {
	*l = append(*l, value)
	return nil
}

const (
	defaultListen     = "unix:///run/cardplane/cardplane.sock"
	defaultLink       = "unix:///run/cardplane/vmmd.sock"
	defaultDataDir    = "/var/lib/cardplane/card"
	defaultCerts      = "/etc/cardplane/certs.d"
	defaultResolvConf = "/etc/resolv.conf"
	defaultGuest      = "/usr/lib/cardplane/guest"
	// defaultBootTimeout is generous: emulated guests that share few
	// processors take long, and a guest that panics is noticed at once.
	defaultBootTimeout = 3 * time.Minute
	// defaultTemplates is for a few sizes of some 35 MB each.
	defaultTemplates = 4
	maxTemplates     = 64
)

// ParseFlags fills m from the command line's arguments.
func (m *Main) ParseFlags(args []string) error {
	flags := flag.NewFlagSet("cardplaned", flag.ContinueOnError)
	var level string
	flags.Var((*listenFlags)(&m.Listen), "listen", "where to serve the API: unix:///path, tcp://127.0.0.1:port or tls://address:port; repeatable (default "+defaultListen+")")
	flags.StringVar(&m.TLSCert, "tls-cert", "", "file with the certificate of tls:// endpoints in PEM, and those up to its authority; a renewed one counts at once")
	flags.StringVar(&m.TLSKey, "tls-key", "", "file with its private key in PEM")
	flags.StringVar(&m.TLSClientCA, "tls-client-ca", "", "file with the authorities whose certificates clients of tls:// endpoints have to show, in PEM; may be left out on loopback alone")
	flags.StringVar(&m.Link, "link", defaultLink, "where vmmd is: "+link.Endpoints)
	flags.StringVar(&m.DataDir, "data-dir", defaultDataDir, "directory of everything that is kept")
	flags.StringVar(&m.Guest, "guest", defaultGuest, "directory of the guest artefacts that mkrootfs made")
	flags.StringVar(&m.CertsDir, "registry-certs", defaultCerts, "directory with a directory HOST:PORT for each registry that needs certificates: *.crt to trust, *.cert and *.key to show")
	flags.StringVar(&m.ResolvConf, "resolv-conf", defaultResolvConf, "file in the form of resolv.conf that names whom containers' questions for names go to; it is read anew when it changes")
	flags.DurationVar(&m.BootTimeout, "boot-timeout", defaultBootTimeout, "how long a guest may take to boot")
	flags.BoolVar(&m.UserNetworks, "user-networks", true, "where the compute host can have no networks, run them in this process: guests reach what this machine reaches, and ports are published on it")
	flags.IntVar(&m.Templates, "templates", defaultTemplates, "how many sizes of virtual machines are kept ready as snapshots to start from; 0 boots each")
	flags.StringVar(&level, "log-level", "info", "debug, info, warning or error")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; all settings are flags", flags.Arg(0))
	}
	if len(m.Listen) == 0 {
		m.Listen = []string{defaultListen}
	}
	if m.BootTimeout <= 0 {
		return fmt.Errorf("--boot-timeout %s is not positive", m.BootTimeout)
	}
	if m.Templates < 0 || m.Templates > maxTemplates {
		return fmt.Errorf("--templates %d is out of range; give 0 to %d", m.Templates, maxTemplates)
	}
	if err := m.checkTLS(); err != nil {
		return err
	}
	parsed, err := logrus.ParseLevel(level)
	if err != nil {
		return fmt.Errorf("--log-level %q is unknown; use debug, info, warning or error", level)
	}
	m.LogLevel = parsed
	return nil
}

// parseListen takes an endpoint apart. It refuses addresses that others than
// this machine reach without TLS, as nothing protects the API there.
func parseListen(endpoint string) (network, address string, err error) {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
	case u.Scheme == "unix" && u.Host == "" && filepath.IsAbs(u.Path):
		return "unix", u.Path, nil
	case u.Scheme == "tls" && u.Path == "" && u.RawQuery == "" && u.Port() != "":
		return "tls", u.Host, nil
	case u.Scheme == "tcp" && u.Path == "" && u.Port() != "":
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil && ip.IsLoopback() {
			return "tcp", net.JoinHostPort(u.Hostname(), u.Port()), nil
		}
		return "", "", fmt.Errorf("--listen %s is refused: nothing protects the API on plain TCP, so it listens on loopback addresses only, such as tcp://127.0.0.1:%s; for other machines use tls://%s", endpoint, u.Port(), u.Host)
	}
	return "", "", fmt.Errorf("--listen %q is no endpoint; use unix:///path, tcp://127.0.0.1:port or tls://address:port", endpoint)
}
