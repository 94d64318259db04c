package cardplanetest

import (
	"bytes"
	"errors"
	"io"
	"net"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// ports takes this machine's loopback addresses for the containers'.
func (s *suite) ports() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	s.ok(err)
	port := l.Addr().(*net.TCPAddr).Port
	served := make(chan error, 1)
	go func() { served <- echoOnce(l) }()

	c := s.running(nil, "sleep", "1000")
	conn, err := s.Containers.DialPort(s.ctx, c.ID, port)
	s.ok(err)
	defer func() { _ = conn.Close() }()
	sent := bytes.Repeat([]byte("0123456789"), 100_000)
	_, err = conn.Write(sent)
	s.ok(err)
	s.ok(conn.CloseWrite())
	got, err := io.ReadAll(conn)
	s.ok(err)
	equal(s, "all came back, after the end", bytes.Equal(got, sent), true)
	s.ok(conn.Close())
	s.ok(<-served)
	s.ok(l.Close())

	_, err = s.Containers.DialPort(s.ctx, c.ID, port)
	s.fails(err, apierr.FailedPrecondition, "connection_refused")
	_, err = s.Containers.DialPort(s.ctx, "nope", port)
	s.fails(err, apierr.NotFound, "container_not_found")
	for _, none := range []int{0, -1, 65536} {
		_, err = s.Containers.DialPort(s.ctx, c.ID, none)
		equal(s, "class of a port out of range", apierr.ClassOf(err), apierr.InvalidArgument)
	}
	_, err = s.Containers.DialPort(s.ctx, s.newContainer(nil, "true").ID, port)
	s.fails(err, apierr.FailedPrecondition, "container_not_running")
}

// brokenPort is a connection that the program breaks off.
func (s *suite) brokenPort() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	s.ok(err)
	defer func() { _ = l.Close() }()
	c := s.running(nil, "sleep", "1000")
	conn, err := s.Containers.DialPort(s.ctx, c.ID, l.Addr().(*net.TCPAddr).Port)
	s.ok(err)
	defer func() { _ = conn.Close() }()
	program, err := l.Accept()
	s.ok(err)
	s.ok(program.(*net.TCPConn).SetLinger(0))
	s.ok(program.Close())
	_, err = conn.Read(make([]byte, 1))
	equal(s, "a reset is no end", err != nil && !errors.Is(err, io.EOF), true)

	// And the other way round: who gives up resets the program's side.
	conn, err = s.Containers.DialPort(s.ctx, c.ID, l.Addr().(*net.TCPAddr).Port)
	s.ok(err)
	program, err = l.Accept()
	s.ok(err)
	s.ok(conn.Close())
	_, err = program.Read(make([]byte, 1))
	equal(s, "a client that gives up is no end", err != nil && !errors.Is(err, io.EOF), true)
	s.ok(program.Close())
}

// echoOnce takes one connection, and sends back all of it once it has ended.
func echoOnce(l net.Listener) error {
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	all, err := io.ReadAll(conn)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	_, err = conn.Write(all)
	return errors.Join(err, conn.Close())
}
