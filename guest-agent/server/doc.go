// Package server puts a container.Manager on the wire: the HTTP API of
// guest-agent.yaml on one listener and the streams of openapi/guestwire on
// another. It knows nothing of vsock or of how containers run, so that the
// same code serves a test's unix sockets.
package server

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"github.com/cardplane/cardplane/guest-agent/container"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

const (
	// maxBody bounds a request's body, in bytes.
	maxBody = 8 << 20
	// headerTimeout bounds the time that a client takes for a request's
	// header, HTTP or stream.
	headerTimeout = 30 * time.Second
	// maxHeader bounds an HTTP request's header, in bytes.
	maxHeader = 32 << 10
	// maxStreams bounds the stream connections at one time.
	maxStreams = 2048
	// closeTimeout bounds the wait for requests at the end.
	closeTimeout = 5 * time.Second
)

// Machine is what the API says of the machine, and does to it.
type Machine interface {
	// Info returns all of Info but the epoch.
	Info() (guestapi.Info, error)
	// Memory returns what memory is in use.
	Memory() (guestapi.Memory, error)
	// Renew gives a restored machine entropy of its own and the time.
	Renew(entropy []byte, now time.Time) error
	// PowerOff begins to stop everything and returns at once.
	PowerOff(grace time.Duration)
}

// Network is the machine's network.
type Network interface {
	// Set makes its interfaces and names what config says.
	Set(ctx context.Context, config *guestapi.Network) error
	// ServeNames asks the client at the other end of conn for names, until it
	// has gone. It begins with the answer to the client's first line.
	ServeNames(conn net.Conn, in *bufio.Reader) error
	// Frames returns what carries the frames of an interface of that name to
	// and from the client at the other end of a connection, likewise. Errors:
	// stream_not_found.
	Frames(name string) (func(net.Conn, *bufio.Reader) error, error)
}

// Server serves the API and the streams.
type Server struct {
	log     logrus.FieldLogger
	manager *container.Manager
	machine Machine
	network Network
	epoch   epoch
	api     http.Handler
}

// New returns a Server that has seen no epoch.
func New(log logrus.FieldLogger, manager *container.Manager, machine Machine, network Network) *Server {
	s := &Server{log: log, manager: manager, machine: machine, network: network}
	s.api = s.handler()
	return s
}

// Serve serves the API on control and the streams on streams until ctx is
// done, and closes both.
func (s *Server) Serve(ctx context.Context, control, streams net.Listener) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.serveControl(ctx, control) })
	group.Go(func() error { return s.serveStreams(ctx, streams) })
	return group.Wait()
}

func (s *Server) serveControl(ctx context.Context, l net.Listener) error {
	var http1 http.Protocols
	http1.SetHTTP1(true)
	// Requests that wait end with ctx, not only with their client.
	srv := &http.Server{
		Protocols:         &http1,
		Handler:           s.api,
		ReadHeaderTimeout: headerTimeout,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		if err := srv.Shutdown(grace); err != nil {
			s.log.WithError(err).Error("requests are cut at the end")
			_ = srv.Close()
		}
	})
	err := srv.Serve(l)
	if stop() {
		return err
	}
	<-closed
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
