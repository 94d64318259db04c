package dns

import (
	"bufio"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

// config is a file in the form of resolv.conf(5).
type config struct {
	path string

	mu       sync.Mutex
	modified time.Time
	size     int64
	list     []string
}

// servers returns the addresses of the servers, with their port. While the
// file cannot be read, those stay that it had.
func (c *config) servers() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	info, err := os.Stat(c.path)
	if err != nil || info.ModTime().Equal(c.modified) && info.Size() == c.size {
		return c.list
	}
	if list, err := read(c.path); err == nil {
		c.list, c.modified, c.size = list, info.ModTime(), info.Size()
	}
	return c.list
}

func read(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var list []string
	lines := bufio.NewScanner(f)
	for lines.Scan() && len(list) < maxServers {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		if server, ok := serverAddress(fields[1]); ok {
			list = append(list, server)
		}
	}
	return list, lines.Err()
}

// serverAddress reads an address that may have a port.
func serverAddress(text string) (string, bool) {
	if a, err := netip.ParseAddr(text); err == nil {
		return net.JoinHostPort(a.String(), "53"), true
	}
	a, err := netip.ParseAddrPort(text)
	return a.String(), err == nil
}
