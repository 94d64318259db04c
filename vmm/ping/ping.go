// Package ping asks a VMM whether it answers and which version it has. It is
// all that the compute host itself says to a VMM; the rest is the card's.
package ping

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// MinVersion is the lowest major version of Cloud Hypervisor whose behaviour
// is known here. ch-qemu reports the version that it behaves as.
const MinVersion = 53

// CodeTooOld is the code of CheckVersion's errors.
const CodeTooOld = "vmm_too_old"

const remedy = "install cloud-hypervisor %d or later (its releases: github.com/cloud-hypervisor/cloud-hypervisor), or name one with CARDPLANE_CLOUD_HYPERVISOR"

// CheckVersion compares the major part of a version such as "53.0.0" or
// "v53.1" with MinVersion. Errors: vmm_too_old, which names what was found,
// what is needed and the remedy.
func CheckVersion(version string) error {
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	n, err := strconv.Atoi(major)
	if err != nil {
		return apierr.New(apierr.NotSupported, CodeTooOld,
			"the VMM reports the version %.40q, which has no number in it; "+remedy, version, MinVersion)
	}
	if n < MinVersion {
		return apierr.New(apierr.NotSupported, CodeTooOld,
			"the VMM has version %s and %d or later is needed; "+remedy, version, MinVersion, MinVersion)
	}
	return nil
}

// maxAnswer bounds the answer to a ping, in bytes.
const maxAnswer = 64 << 10

// Do sends one vmm.ping over a connection that dial makes and returns the
// version in the answer. It checks nothing.
func Do(ctx context.Context, dial func(context.Context) (net.Conn, error)) (version string, err error) {
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/api/v1/vmm.ping", nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("ping the VMM: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("ping the VMM: %w", err)
	}
	var pong struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(body, &pong); err != nil || resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("ping the VMM: it answered %s %.100q", resp.Status, body)
	}
	return pong.Version, nil
}
