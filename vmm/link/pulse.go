package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// Defaults of WithPulse.
const (
	pulseEvery   = 10 * time.Second
	pulseTimeout = 15 * time.Second
)

// pulse tells a host that is away from one that has nothing to say. While a
// call or tunnel is open and no byte comes, it pings the host; when no answer
// comes in time, it breaks every connection, so that whoever reads from one
// learns of it and tries again. A link can hang without either end being told.
type pulse struct {
	ping           func(ctx context.Context) error
	every, timeout time.Duration

	heardAt atomic.Int64 // when the last byte came, in Unix nanoseconds
	isAway  atomic.Bool  // away is not nil

	mu      sync.Mutex
	conns   map[*conn]bool
	users   int                // calls and tunnels that are open
	stop    context.CancelFunc // ends beat, while there are users
	away    error              // why the host cannot be reached, nil while it can
	changed chan struct{}      // closed and replaced when away changes
}

func newPulse(every, timeout time.Duration) *pulse {
	return &pulse{every: every, timeout: timeout, conns: make(map[*conn]bool), changed: make(chan struct{})}
}

// use keeps the pulse beating until release is called, which may be more than
// once.
func (p *pulse) use() (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users++
	if p.users == 1 {
		var ctx context.Context
		ctx, p.stop = context.WithCancel(context.Background())
		p.heardAt.Store(time.Now().UnixNano())
		go p.beat(ctx)
	}
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.users--
		if p.users == 0 {
			p.stop()
		}
	})
}

// beat pings while ctx lasts.
func (p *pulse) beat(ctx context.Context) {
	ticker := time.NewTicker(p.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if p.silence() < p.every {
			continue
		}
		attempt, cancel := context.WithTimeout(ctx, p.timeout)
		err := p.ping(attempt)
		cancel()
		if err != nil && ctx.Err() == nil && p.silence() >= p.timeout {
			p.breakAll(fmt.Errorf("the host has been silent for %s: %w", p.timeout, err))
		}
	}
}

func (p *pulse) silence() time.Duration {
	return time.Since(time.Unix(0, p.heardAt.Load()))
}

// breakAll closes every connection.
func (p *pulse) breakAll(why error) {
	p.mu.Lock()
	broken := make([]*conn, 0, len(p.conns))
	for c := range p.conns {
		broken = append(broken, c)
	}
	p.setLocked(why)
	p.mu.Unlock()
	for _, c := range broken {
		c.broken.Store(true)
		_ = c.Close()
	}
}

// heard notes that a byte came from the host.
func (p *pulse) heard() {
	p.heardAt.Store(time.Now().UnixNano())
	if p.isAway.Load() {
		p.set(nil)
	}
}

// set notes why the host cannot be reached, nil that it can.
func (p *pulse) set(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.setLocked(err)
}

func (p *pulse) setLocked(err error) {
	if (p.away == nil) != (err == nil) {
		close(p.changed)
		p.changed = make(chan struct{})
	}
	p.away = err
	p.isAway.Store(err != nil)
}

// track makes c one of the connections that a silence breaks.
func (p *pulse) track(raw net.Conn, release func()) *conn {
	c := &conn{Conn: raw, pulse: p, release: release}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
	return c
}

// Away returns why the host cannot be reached, nil while it can for all that
// is known, and a channel that is closed when that changes. It is learnt from
// what the link is used for: nothing is sent to find out.
func (l *Link) Away() (changed <-chan struct{}, err error) {
	l.pulse.mu.Lock()
	defer l.pulse.mu.Unlock()
	if l.pulse.away != nil {
		err = apierr.New(apierr.Unavailable, "unreachable", "the host at %s cannot be reached: %w", l.endpoint, l.pulse.away)
	}
	return l.pulse.changed, err
}

// conn is a connection to the host.
type conn struct {
	net.Conn
	pulse   *pulse
	broken  atomic.Bool // by the pulse
	release func()      // called by Close
}

// errSilent is what a reader learns of a connection that the pulse has broken.
var errSilent = fmt.Errorf("the host fell silent: %w", io.ErrUnexpectedEOF)

// Read implements io.Reader.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.pulse.heard()
	}
	if err != nil && errors.Is(err, net.ErrClosed) && c.broken.Load() {
		err = errSilent
	}
	return n, err
}

// CloseWrite implements Conn.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return syscall.ENOTSUP
}

// Close implements io.Closer.
func (c *conn) Close() error {
	c.pulse.mu.Lock()
	delete(c.pulse.conns, c)
	c.pulse.mu.Unlock()
	c.release()
	return c.Conn.Close()
}

// caller is the transport of calls: it keeps the pulse beating during each.
type caller struct {
	pulse *pulse
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (c caller) RoundTrip(req *http.Request) (*http.Response, error) {
	release := c.pulse.use()
	resp, err := c.next.RoundTrip(req)
	if err != nil {
		release()
		return nil, err
	}
	resp.Body = &callBody{resp.Body, release}
	return resp, nil
}

// callBody is the body of an answer. The call lasts until it is closed.
type callBody struct {
	io.ReadCloser
	release func()
}

// Close implements io.Closer.
func (b *callBody) Close() error {
	b.release()
	return b.ReadCloser.Close()
}
