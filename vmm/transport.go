package vmm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// DialFunc opens a connection to a VMM's API socket.
type DialFunc func(ctx context.Context) (net.Conn, error)

// UnixDialer returns a DialFunc for the socket at path.
func UnixDialer(path string) DialFunc {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
}

const (
	// maxConns leaves most of the VMM's 10 connections to others.
	maxConns = 2
	// maxAnswer bounds the body of an answer. vm.info of a large VM is some
	// tens of kilobytes.
	maxAnswer = 4 << 20
	// Pauses between attempts of retry.
	firstRetry = 5 * time.Millisecond
	lastRetry  = 100 * time.Millisecond
)

// newTransport keeps one idle connection for a short time: a connection that
// idles counts against the VMM's limit, and a new one through the link costs
// a round trip.
func newTransport(dial DialFunc) *http.Transport {
	return &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		MaxConnsPerHost:     maxConns,
		MaxIdleConnsPerHost: 1,
		IdleConnTimeout:     5 * time.Second,
		DisableCompression:  true,
	}
}

// operation is one call's name for messages and its time bound.
type operation struct {
	name  string
	bound time.Duration
}

// Time bounds. Boot is long because a VMM connects to vhost-user back-ends and
// touches memory inside it, snapshots and restores copy it, and every call may
// wait for one that runs.
var (
	opPing         = operation{"ping", 10 * time.Second}
	opShutdownVMM  = operation{"shut down", 30 * time.Second}
	opCreate       = operation{"store the configuration of the VM", 30 * time.Second}
	opBoot         = operation{"boot the VM", 2 * time.Minute}
	opDelete       = operation{"delete the VM", 30 * time.Second}
	opPause        = operation{"pause the VM", 30 * time.Second}
	opResume       = operation{"resume the VM", 30 * time.Second}
	opShutdown     = operation{"stop the VM", 30 * time.Second}
	opReboot       = operation{"reboot the VM", 2 * time.Minute}
	opPowerButton  = operation{"press the power button", 10 * time.Second}
	opInfo         = operation{"describe the VM", 10 * time.Second}
	opCounters     = operation{"count the VM's I/O", 10 * time.Second}
	opResize       = operation{"resize the VM", 30 * time.Second}
	opResizeDisk   = operation{"resize the disk", 30 * time.Second}
	opSnapshot     = operation{"snapshot the VM", 10 * time.Minute}
	opRestore      = operation{"restore the VM", 10 * time.Minute}
	opAddDisk      = operation{"add the disk", 30 * time.Second}
	opAddNet       = operation{"add the network interface", 30 * time.Second}
	opAddVsock     = operation{"add the vsock device", 30 * time.Second}
	opRemoveDevice = operation{"remove the device", 10 * time.Second}
)

// do runs one call within its time bound and decodes its answer.
func do[T any](ctx context.Context, op operation, c call) (T, error) {
	var out T
	ctx, cancel := context.WithTimeoutCause(ctx, op.bound, fmt.Errorf("no answer within %s", op.bound))
	defer cancel()
	resp, err := c(ctx)
	if err != nil {
		return out, transportError(ctx, op, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return out, transportError(ctx, op, err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return out, answerError(op, resp.StatusCode, body)
	}
	if len(body) == 0 {
		return out, nil
	}
	if err := json.Unmarshal(body, &out); err != nil {
		return out, apierr.New(apierr.Unavailable, "vmm_bad_answer", "the VMM's answer to the request to %s could not be read: %w", op.name, err)
	}
	return out, nil
}

// transportError classifies a call that got no answer.
func transportError(ctx context.Context, op operation, err error) *apierr.Error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return apierr.New(apierr.Unavailable, "vmm_timeout", "the VMM was asked to %s and did not answer in time: %w", op.name, context.Cause(ctx))
	}
	return apierr.New(apierr.Unavailable, "vmm_unreachable", "the VMM could not be asked to %s: %w", op.name, err)
}

// retry calls try until it returns nil or an error that is not transient, or
// until ctx is done, with growing pauses.
func retry(ctx context.Context, try func() error, transient func(error) bool) error {
	pause := firstRetry
	for {
		err := try()
		if err == nil || !transient(err) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
		pause = min(2*pause, lastRetry)
	}
}
