package sdk

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// dialTimeout bounds how long a connection may take to come about.
const dialTimeout = 10 * time.Second

// dial returns how to reach endpoint, and the URL that paths are appended to.
func dial(endpoint string) (*http.Transport, string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, "", invalidEndpoint(endpoint)
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	transport := &http.Transport{DialContext: dialer.DialContext, Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 4}
	switch {
	case u.Scheme == "unix" && u.Host == "" && u.Path != "":
		transport.Proxy = nil
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", u.Path)
		}
		return transport, "http://cardplane", nil
	case (u.Scheme == "tcp" || u.Scheme == "http") && u.Host != "" && u.RawQuery == "":
		return transport, "http://" + u.Host + strings.TrimSuffix(u.EscapedPath(), "/"), nil
	case u.Scheme == "https" && u.Host != "":
		transport.TLSClientConfig, err = tlsConfig(u.Query())
		return transport, "https://" + u.Host + strings.TrimSuffix(u.EscapedPath(), "/"), err
	}
	return nil, "", invalidEndpoint(endpoint)
}

func invalidEndpoint(endpoint string) error {
	return apierr.New(apierr.InvalidArgument, "invalid_endpoint", "%q is no address of a control plane; use unix:///path, tcp://host:port or https://host:port?ca=/ca.crt&cert=/own.crt&key=/own.key", endpoint)
}

// tlsConfig reads the files that the query of an https endpoint names: ca, the
// certificates to trust in place of the system's, and cert with key, what this
// side shows of itself.
func tlsConfig(query url.Values) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	for name := range query {
		if name != "ca" && name != "cert" && name != "key" {
			return nil, invalidTLS(fmt.Errorf("there is no parameter %q; give ca, cert and key", name))
		}
	}
	if path := query.Get("ca"); path != "" {
		pem, err := os.ReadFile(path)
		if err != nil {
			return nil, invalidTLS(err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, invalidTLS(fmt.Errorf("%s holds no certificate in PEM", path))
		}
	}
	cert, key := query.Get("cert"), query.Get("key")
	if cert == "" && key == "" {
		return config, nil
	}
	if cert == "" || key == "" {
		return nil, invalidTLS(errors.New("give cert and key together"))
	}
	own, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, invalidTLS(err)
	}
	config.Certificates = []tls.Certificate{own}
	return config, nil
}

func invalidTLS(err error) error {
	return apierr.New(apierr.InvalidArgument, "invalid_tls", "the endpoint's certificates cannot be used: %w", err)
}
