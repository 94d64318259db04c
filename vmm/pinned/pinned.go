// Package pinned is mutual TLS between two sides that know each other's
// certificate: each shows its own and takes exactly one. There is no
// authority, name or date to check; to replace a certificate, replace the file
// on both sides and start both anew. TLS 1.3 only.
package pinned

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// Names of an endpoint's query parameters, each a path: this side's
// certificate and its private key, and the other side's certificate, in PEM.
const (
	paramCert = "cert"
	paramKey  = "key"
	paramPeer = "peer"
)

// Config returns the configuration of either side from the files that an
// endpoint's query names. Errors: invalid_tls.
func Config(query url.Values) (*tls.Config, error) {
	if len(query) != 3 || !query.Has(paramCert) || !query.Has(paramKey) || !query.Has(paramPeer) {
		return nil, invalid(errors.New("give cert, key and peer, each once: tls://address:port?cert=/own.crt&key=/own.key&peer=/other.crt"))
	}
	own, err := tls.LoadX509KeyPair(query.Get(paramCert), query.Get(paramKey))
	if err != nil {
		return nil, invalid(err)
	}
	peer, err := readCertificate(query.Get(paramPeer))
	if err != nil {
		return nil, invalid(err)
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		Certificates:       []tls.Certificate{own},
		ClientAuth:         tls.RequireAnyClientCert,
		InsecureSkipVerify: true, // VerifyConnection is stricter than the check that this leaves out
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 || !bytes.Equal(state.PeerCertificates[0].Raw, peer) {
				return errors.New("the other side's certificate is not the pinned one; see that peer= names its present certificate")
			}
			return nil
		},
		// A session that is taken up again shows no certificate anew.
		SessionTicketsDisabled: true,
	}, nil
}

func invalid(err error) error {
	return apierr.New(apierr.InvalidArgument, "invalid_tls", "the endpoint's certificates cannot be used: %w", err)
}

// readCertificate returns the one certificate in the file at path.
func readCertificate(path string) (der []byte, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("%s is not one certificate in PEM", path)
	}
	return block.Bytes, nil
}
