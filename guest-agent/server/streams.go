package server

import (
	"bufio"
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

// streamServer owns the stream connections.
type streamServer struct {
	*Server
	serving sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	ports int // connections to ports
}

func (s *Server) serveStreams(ctx context.Context, l net.Listener) error {
	ss := &streamServer{Server: s, conns: map[net.Conn]struct{}{}}
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	defer ss.close()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if !ss.enter(conn) {
			s.log.Errorf("stream refused: there are %d already", maxStreams)
			_ = conn.Close()
			continue
		}
		ss.serving.Go(func() {
			defer ss.leave(conn)
			ss.serve(conn)
		})
	}
}

func (ss *streamServer) enter(conn net.Conn) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if len(ss.conns) >= maxStreams {
		return false
	}
	ss.conns[conn] = struct{}{}
	return true
}

func (ss *streamServer) leave(conn net.Conn) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.conns, conn)
}

// close ends all connections and waits for their goroutines.
func (ss *streamServer) close() {
	ss.mu.Lock()
	for conn := range ss.conns {
		_ = conn.Close()
	}
	ss.mu.Unlock()
	ss.serving.Wait()
}

// serve carries the stream that the connection asks for.
func (ss *streamServer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	// The client's header, acknowledgements, and frame headers are small;
	// payloads pass the buffer by.
	r := bufio.NewReaderSize(conn, 512)
	req, err := readRequest(conn, r)
	if err != nil {
		ss.log.WithError(err).Debug("stream request not understood")
		refuse(conn, apierr.New(apierr.InvalidArgument, "bad_request", "the stream request cannot be read: %w", err))
		return
	}
	log := ss.log.WithField("container", req.Container).WithField("exec", req.Exec).WithField("stream", req.Stream)
	serve, err := ss.find(req)
	if err != nil {
		log.WithError(err).Debug("stream refused")
		refuse(conn, err)
		return
	}
	if err := serve(conn, r); err != nil {
		log.WithError(err).Debug("stream connection ended")
	}
}

func readRequest(conn net.Conn, r *bufio.Reader) (guestwire.StreamRequest, error) {
	if err := conn.SetReadDeadline(time.Now().Add(headerTimeout)); err != nil {
		return guestwire.StreamRequest{}, err
	}
	req, err := guestwire.ReadRequest(r)
	return req, errors.Join(err, conn.SetReadDeadline(time.Time{}))
}

// find returns what serves the requested stream.
func (ss *streamServer) find(req guestwire.StreamRequest) (func(net.Conn, *bufio.Reader) error, error) {
	if err := ss.epoch.admit(req.Epoch); err != nil {
		return nil, err
	}
	switch req.Stream {
	case guestwire.Port:
		return ss.dialPort(req)
	case guestwire.Names:
		return ss.network.ServeNames, nil
	case guestwire.Frames:
		return ss.network.Frames(req.Interface)
	}
	streams, err := ss.manager.Streams(req.Container, req.Exec)
	if err != nil {
		return nil, err
	}
	switch {
	case req.Stream == guestwire.Stdin && streams.Stdin() != nil:
		return streams.Stdin().Serve, nil
	case req.Stream == guestwire.Stdout:
		return func(conn net.Conn, r *bufio.Reader) error { return streams.Stdout.Serve(conn, r, req.Offset) }, nil
	case req.Stream == guestwire.Stderr && !streams.HasTerminal():
		return func(conn net.Conn, r *bufio.Reader) error { return streams.Stderr.Serve(conn, r, req.Offset) }, nil
	}
	return nil, apierr.New(apierr.NotFound, "stream_not_found", "the process has no stream %q", req.Stream).At("/stream")
}

// refuse answers a stream request with a problem.
func refuse(conn net.Conn, err error) {
	problem := apierr.ToProblem(err)
	// A client that does not take the answer sees the connection close.
	_ = conn.SetWriteDeadline(time.Now().Add(headerTimeout))
	_ = guestwire.WriteLine(conn, guestwire.StreamReply{Problem: &problem})
}
