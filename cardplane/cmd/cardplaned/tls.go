package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
)

// checkTLS checks the flags of the tls:// endpoints against each other.
func (m *Main) checkTLS() error {
	given := m.TLSCert != "" || m.TLSKey != "" || m.TLSClientCA != ""
	for _, endpoint := range m.Listen {
		network, address, err := parseListen(endpoint)
		if err != nil {
			return err
		}
		if network != "tls" {
			continue
		}
		given = false // and used
		if m.TLSCert == "" || m.TLSKey == "" {
			return fmt.Errorf("--listen %s needs a certificate; give --tls-cert and --tls-key", endpoint)
		}
		if m.TLSClientCA == "" && !isLoopback(address) {
			return fmt.Errorf("--listen %s is refused: anybody there could command the control plane; say by --tls-client-ca whose certificates it takes, or listen on loopback", endpoint)
		}
	}
	if given {
		return errors.New("--tls-cert, --tls-key and --tls-client-ca are for an endpoint tls://address:port; add one with --listen")
	}
	return nil
}

// isLoopback reports whether only this machine reaches an address with a port.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// listenTLS opens a TLS endpoint. Where client authorities are named, every
// client has to show a certificate of theirs.
func (m *Main) listenTLS(address string) (net.Listener, error) {
	if _, err := m.certificate(nil); err != nil {
		return nil, err
	}
	config := &tls.Config{
		MinVersion: tls.VersionTLS13,
		// Read anew for each connection, so that a renewed one counts at once.
		GetCertificate: m.certificate,
		// WebSockets need HTTP/1.1.
		NextProtos: []string{"http/1.1"},
	}
	if m.TLSClientCA != "" {
		pem, err := os.ReadFile(m.TLSClientCA)
		if err != nil {
			return nil, fmt.Errorf("--tls-client-ca: %w", err)
		}
		config.ClientCAs = x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--tls-client-ca: %s holds no certificate in PEM", m.TLSClientCA)
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return tls.Listen("tcp", address, config)
}

// certificate returns the server's, as the files have it now.
func (m *Main) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	own, err := tls.LoadX509KeyPair(m.TLSCert, m.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	return &own, nil
}
