package image

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// trust connects to each registry with the certificates that the operator has
// put in its directory below dir. It reads them anew when the directory has
// changed.
type trust struct {
	dir  string
	base *http.Transport

	mu    sync.Mutex
	hosts map[string]*trusted
}

// trusted is the transport for a host that has a directory.
type trusted struct {
	*http.Transport
	files string // names and times of the files that it was made from
}

// RoundTrip implements [http.RoundTripper].
func (t *trust) RoundTrip(req *http.Request) (*http.Response, error) {
	transport, err := t.transport(req.URL.Host)
	if err != nil {
		return nil, fmt.Errorf("certificates for %s: %w", req.URL.Host, err)
	}
	return transport.RoundTrip(req)
}

func (t *trust) transport(host string) (*http.Transport, error) {
	if t.dir == "" || filepath.Base(host) != host {
		return t.base, nil
	}
	dir := filepath.Join(t.dir, host)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return t.base, nil
	}
	if err != nil {
		return nil, err
	}
	var files strings.Builder
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		_, _ = fmt.Fprintln(&files, e.Name(), info.Size(), info.ModTime().UnixNano())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	known := t.hosts[host]
	if known != nil && known.files == files.String() {
		return known.Transport, nil
	}
	config, err := readCertificates(dir, entries)
	if err != nil {
		return nil, err
	}
	if known != nil {
		known.CloseIdleConnections()
	}
	made := &trusted{Transport: t.base.Clone(), files: files.String()}
	made.TLSClientConfig = config
	if t.hosts == nil {
		t.hosts = make(map[string]*trusted)
	}
	t.hosts[host] = made
	return made.Transport, nil
}

// readCertificates reads the *.crt, and the pairs of *.cert and *.key, in dir.
func readCertificates(dir string, entries []os.DirEntry) (*tls.Config, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: pool}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch filepath.Ext(path) {
		case ".crt":
			data, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			if !pool.AppendCertsFromPEM(data) {
				return nil, fmt.Errorf("%s holds no certificate in PEM", path)
			}
		case ".cert":
			pair, err := tls.LoadX509KeyPair(path, strings.TrimSuffix(path, ".cert")+".key")
			if err != nil {
				return nil, err
			}
			config.Certificates = append(config.Certificates, pair)
		}
	}
	return config, nil
}

// close drops idle connections to hosts with certificates of their own.
func (t *trust) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, host := range t.hosts {
		host.CloseIdleConnections()
	}
}
