package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/guest-agent/agenttest"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client is a controller with an epoch.
type client struct {
	t     *testing.T
	agent *agenttest.Agent
	api   *guestapi.Client
	epoch int64
}

func newClient(t *testing.T, agent *agenttest.Agent) *client {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return agent.Dial(ctx, guestwire.ControlPort)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	api, err := guestapi.NewClient("http://guest", guestapi.WithHTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		t.Fatal(err)
	}
	return &client{t: t, agent: agent, api: api, epoch: 1}
}

func start(t *testing.T) *client {
	t.Helper()
	return newClient(t, agenttest.Start(t))
}

// shell is a container that runs a script.
func shell(script string) guestapi.ContainerConfig {
	return guestapi.ContainerConfig{
		Spec:   specs.Spec{Version: specs.Version, Process: process("/bin/sh", "-c", script)},
		Rootfs: guestapi.Rootfs{Image: guestapi.ImageDevice{Device: "img"}, Writable: guestapi.Writable{Kind: guestapi.WritableTmpfs}},
	}
}

func process(args ...string) *specs.Process {
	return &specs.Process{Args: args, Cwd: "/", Env: []string{"PATH=/usr/bin:/bin"}}
}

func (c *client) put(id string, config guestapi.ContainerConfig) (guestapi.Container, error) {
	return apierr.Decode[guestapi.Container](c.api.PutContainer(c.t.Context(), id, &guestapi.PutContainerParams{CardplaneEpoch: c.epoch}, config))
}

func (c *client) mustPut(id string, config guestapi.ContainerConfig) guestapi.Container {
	c.t.Helper()
	view, err := c.put(id, config)
	if err != nil {
		c.t.Fatal(err)
	}
	return view
}

func (c *client) get(id string) (guestapi.Container, error) {
	return apierr.Decode[guestapi.Container](c.api.GetContainer(c.t.Context(), id))
}

func (c *client) wait(id string) guestapi.Container {
	c.t.Helper()
	view, err := apierr.Decode[guestapi.Container](c.api.WaitContainer(c.t.Context(), id, &guestapi.WaitContainerParams{TimeoutSeconds: 60}))
	if err != nil {
		c.t.Fatal(err)
	}
	return view
}

func (c *client) kill(id string, signal int, all bool) error {
	return apierr.Done(c.api.KillContainer(c.t.Context(), id, &guestapi.KillContainerParams{CardplaneEpoch: c.epoch}, guestapi.Kill{Signal: signal, All: all}))
}

func (c *client) delete(id string, force bool) error {
	return apierr.Done(c.api.DeleteContainer(c.t.Context(), id, &guestapi.DeleteContainerParams{CardplaneEpoch: c.epoch, Force: force}))
}

// putExec returns the first line of the answer.
func (c *client) putExec(id, exec string, config guestapi.ExecConfig) (guestapi.Exec, error) {
	lines, done, err := c.watchExec(id, exec, config)
	if err != nil {
		return guestapi.Exec{}, err
	}
	defer done()
	return lines()
}

// watchExec returns what reads the answer's lines, and what cuts it.
func (c *client) watchExec(id, exec string, config guestapi.ExecConfig) (next func() (guestapi.Exec, error), done func(), err error) {
	resp, err := c.api.PutExec(c.t.Context(), id, exec, &guestapi.PutExecParams{CardplaneEpoch: c.epoch}, config)
	if err != nil || resp.StatusCode >= http.StatusBadRequest {
		_, err := apierr.Decode[guestapi.Exec](resp, err)
		return nil, nil, err
	}
	lines := json.NewDecoder(resp.Body)
	next = func() (view guestapi.Exec, err error) {
		err = lines.Decode(&view)
		return view, err
	}
	return next, func() { _ = resp.Body.Close() }, nil
}

func (c *client) waitExec(id, exec string) guestapi.Exec {
	c.t.Helper()
	view, err := apierr.Decode[guestapi.Exec](c.api.WaitExec(c.t.Context(), id, exec, &guestapi.WaitExecParams{TimeoutSeconds: 60}))
	if err != nil {
		c.t.Fatal(err)
	}
	return view
}

// stream is an open stream connection.
type stream struct {
	t      *testing.T
	conn   net.Conn
	r      *bufio.Reader
	frames *guestwire.FrameReader
	reply  guestwire.StreamReply
}

func (c *client) tryOpen(req guestwire.StreamRequest) (*stream, error) {
	c.t.Helper()
	conn, err := c.agent.Dial(c.t.Context(), guestwire.StreamPort)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	if err := guestwire.WriteLine(conn, req); err != nil {
		c.t.Fatal(err)
	}
	s := &stream{t: c.t, conn: conn, r: bufio.NewReader(conn)}
	s.frames = guestwire.NewFrameReader(s.r)
	s.reply, err = guestwire.ReadReply(s.r)
	return s, err
}

func (c *client) open(id, exec, name string, offset int64) *stream {
	c.t.Helper()
	s, err := c.tryOpen(guestwire.StreamRequest{Epoch: c.epoch, Container: id, Exec: exec, Stream: name, Offset: offset})
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

// read reads n bytes, which must be there or come.
func (s *stream) read(n int) string {
	s.t.Helper()
	var got []byte
	for len(got) < n {
		frame, err := s.frames.Next()
		if err != nil || frame.Kind != guestwire.Data {
			s.t.Fatalf("after %d bytes: kind %d, %v", len(got), frame.Kind, err)
		}
		got = append(got, frame.Data...)
	}
	return string(got)
}

// readAll reads to the end of the stream.
func (s *stream) readAll() (text string, lost int64) {
	s.t.Helper()
	var got []byte
	for {
		frame, err := s.frames.Next()
		if err != nil {
			s.t.Fatalf("after %d bytes: %v", len(got), err)
		}
		if frame.Kind == guestwire.End {
			return string(got), lost
		}
		got = append(got, frame.Data...)
		lost += frame.Lost
	}
}

func (s *stream) ack(offset int64) {
	s.t.Helper()
	if err := guestwire.WriteAck(s.conn, offset); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stream) write(text string) {
	s.t.Helper()
	if _, err := guestwire.WriteData(s.conn, []byte(text)); err != nil {
		s.t.Fatal(err)
	}
}
