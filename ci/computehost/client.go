package computehost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"time"

	"github.com/cardplane/cardplane/ci/computehost/control"
	"github.com/cardplane/cardplane/vmm/vsock"
)

// EnvDir names the directory of a host that is up, for tests that are to run
// on it.
const EnvDir = "CARDPLANE_COMPUTE_HOST"

// Client reaches a host that is up, whoever booted it.
type Client struct {
	// Dir is the host's directory on this machine.
	Dir string
}

func (c Client) socket() string { return filepath.Join(c.Dir, hybridName) }

// EndpointOf is the address of a vmmd that listens on a vsock port of the
// host, for the card's --link.
func (c Client) EndpointOf(port uint32) string {
	return fmt.Sprintf("hybrid-vsock://%s?port=%d", c.socket(), port)
}

// Dial connects to a vsock port of the host.
func (c Client) Dial(ctx context.Context, port uint32) (net.Conn, error) {
	conn, err := vsock.Dial(ctx, func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", c.socket())
	}, port)
	if err != nil {
		return nil, fmt.Errorf("reach the compute host in %s: %w", c.Dir, err)
	}
	return conn, nil
}

// Bounds of the attempts to give a host a command. One that is so busy that it
// does not accept for seconds looks like one that refuses.
const (
	dialPatience = time.Minute
	dialPause    = 100 * time.Millisecond
)

// dialBusy is Dial for a port that is always listened on.
func (c Client) dialBusy(ctx context.Context, port uint32) (net.Conn, error) {
	for deadline := time.Now().Add(dialPatience); ; time.Sleep(dialPause) {
		conn, err := c.Dial(ctx, port)
		if !errors.Is(err, vsock.ErrRefused) || ctx.Err() != nil || time.Now().After(deadline) {
			return conn, err
		}
	}
}

// Run runs a shell script in the host, as root, and returns its exit status.
// stdin may be nil; output gets both of the script's output streams.
func (c Client) Run(ctx context.Context, script string, stdin io.Reader, output io.Writer) (int, error) {
	conn, err := c.dialBusy(ctx, control.Port)
	if err != nil {
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	status, err := control.Run(conn.(control.Conn), script, stdin, output)
	if err != nil {
		err = errors.Join(context.Cause(ctx), fmt.Errorf("command in the compute host: %w", err))
	}
	return status, err
}
