package sdk

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardapi"
	"github.com/cardplane/cardplane/openapi/cardwire"
)

const (
	// waitSeconds is how long one request of Wait lasts at most.
	waitSeconds = 300
	// removeTimeout bounds the removal of a container that did not start.
	removeTimeout = 30 * time.Second
)

// Streams are a process's standard streams on this side. Those that are nil
// are empty or dropped.
type Streams struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Wait returns the container once it has ended as condition says; "" is
// cardapi.WaitNotRunning. It asks again and again, since one request must not
// last for ever, by id once that is known, so that a prefix stays unique.
func (c *Client) Wait(ctx context.Context, ref string, condition cardapi.WaitCondition) (cardapi.Container, error) {
	if err := CheckRef(ref); err != nil {
		return cardapi.Container{}, err
	}
	seconds := waitSeconds
	params := &cardapi.WaitContainerParams{TimeoutSeconds: &seconds}
	if condition != "" {
		params.Condition = &condition
	}
	var last *cardapi.Container
	for {
		resp, err := c.API.WaitContainer(ctx, ref, params)
		over := resp != nil && resp.StatusCode == http.StatusOK
		got, err := Decode[cardapi.Container](ctx, c, resp, err)
		if last != nil && apierr.Is(err, "container_not_found") {
			return *last, nil
		}
		if err != nil || over {
			return got, err
		}
		last, ref = &got, got.Id
	}
}

// Run creates a container, runs it to its end and returns the program's exit
// code. All its output has been written then. The container stays, unless
// AutoRemove is set; one that could not be started then goes, too.
func (c *Client) Run(ctx context.Context, spec cardapi.ContainerSpec, streams Streams) (exitCode int, err error) {
	takesInput := streams.Stdin != nil
	spec.Stdin = &takesInput
	resp, err := c.API.CreateContainer(ctx, nil, spec)
	container, err := Decode[cardapi.Container](ctx, c, resp, err)
	if err != nil {
		return 0, err
	}
	exitCode, err = c.start(ctx, container.Id, streams)
	if err != nil && spec.AutoRemove != nil && *spec.AutoRemove {
		c.discard(ctx, container.Id)
	}
	return exitCode, err
}

// start attaches, and only then starts, so that no output is missed.
func (c *Client) start(ctx context.Context, id string, streams Streams) (exitCode int, err error) {
	query := url.Values{"replay": {"true"}}
	if streams.Stdin != nil {
		query.Set("stdin", "true")
	}
	session, err := c.Attach(ctx, id, query)
	if err != nil {
		return 0, err
	}
	defer func() { _ = session.Close() }()
	resp, err := c.API.StartContainer(ctx, id)
	if err := Done(ctx, c, resp, err); err != nil {
		return 0, err
	}
	return session.Copy(ctx, streams)
}

// discard removes a container that did not run to its end. The control plane
// may have removed it first.
func (c *Client) discard(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	force := true
	resp, err := c.API.DeleteContainer(ctx, id, &cardapi.DeleteContainerParams{Force: &force})
	_ = Done(ctx, c, resp, err)
}

// Exec runs a command in a running container to its end and returns its exit
// code. All its output has been written then.
func (c *Client) Exec(ctx context.Context, ref string, spec cardapi.ExecSpec, streams Streams) (exitCode int, err error) {
	if err := CheckRef(ref); err != nil {
		return 0, err
	}
	takesInput := streams.Stdin != nil
	spec.Stdin = &takesInput
	resp, err := c.API.CreateExec(ctx, ref, nil, spec)
	exec, err := Decode[cardapi.Exec](ctx, c, resp, err)
	if err != nil {
		return 0, err
	}
	session, err := c.AttachExec(ctx, exec.ContainerId, exec.Id)
	if err != nil {
		return 0, err
	}
	defer func() { _ = session.Close() }()
	return session.Copy(ctx, streams)
}

// Copy copies streams until the process has ended, and returns its exit code.
// A read of Stdin that waits then goes on until it returns.
func (s *Session) Copy(ctx context.Context, streams Streams) (exitCode int, err error) {
	if streams.Stdin != nil {
		go s.copyInput(streams.Stdin)
	}
	for {
		channel, data, err := s.Recv(ctx)
		if errors.Is(err, io.EOF) {
			return s.ExitCode()
		}
		if err != nil {
			return 0, err
		}
		w := streams.Stdout
		if channel == cardwire.Stderr {
			w = streams.Stderr
		}
		if w == nil {
			continue
		}
		if _, err := w.Write(data); err != nil {
			return 0, err
		}
	}
}

// copyInput sends all of r. The process may end first.
func (s *Session) copyInput(r io.Reader) {
	if _, err := io.Copy(s, r); err == nil {
		_ = s.CloseStdin()
	}
}
