// Package relay joins two byte streams.
//
// Bytes between sockets stay in the kernel (splice(2)): a relay takes two
// goroutines and, while bytes are on their way, a pipe from a shared pool. An
// idle relay holds no buffer.
package relay

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
)

// Conn is a stream whose directions end independently. TCP, unix and TLS
// connections are.
type Conn interface {
	net.Conn
	// CloseWrite ends the outgoing direction: the peer reads io.EOF.
	CloseWrite() error
}

// Relay runs relays that share a pool of pipes. The zero Relay is ready. The
// owner closes it when the last one has ended.
type Relay struct {
	mu     sync.Mutex
	idle   []*pipe
	closed bool
}

// Run copies both ways between a and b until both directions have ended, one
// of them fails, or ctx is done, and closes both. The end of one direction is
// passed on and leaves the other open. The error is the first failure of a
// read or write, nil after an orderly end.
func (r *Relay) Run(ctx context.Context, a, b Conn) error {
	closeBoth := sync.OnceValue(func() error { return errors.Join(a.Close(), b.Close()) })
	defer func() { _ = closeBoth() }()
	stop := context.AfterFunc(ctx, func() { _ = closeBoth() })
	defer stop()

	back := make(chan error, 1)
	go func() { back <- r.oneWay(a, b, closeBoth) }()
	there := r.oneWay(b, a, closeBoth)
	err := errors.Join(there, <-back)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// oneWay copies src to dst and passes the end on. After a failure nothing
// can be passed on, so the other direction is broken off too.
func (r *Relay) oneWay(dst, src Conn, closeBoth func() error) error {
	err := r.copyBytes(dst, src)
	if err == nil {
		err = dst.CloseWrite()
	}
	if err != nil {
		_ = closeBoth()
		if errors.Is(err, net.ErrClosed) {
			return nil // the other direction's failure, or the owner's wish
		}
	}
	return err
}

// copyBytes copies until src ends, in the kernel where both are sockets.
func (r *Relay) copyBytes(dst, src Conn) error {
	from, fromOK := src.(syscall.Conn)
	to, toOK := dst.(syscall.Conn)
	if fromOK && toOK {
		return r.spliceAll(to, from)
	}
	_, err := io.Copy(dst, src)
	return err
}
