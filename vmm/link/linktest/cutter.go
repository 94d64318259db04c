// Package linktest puts a relay between a card and a compute host, so that a
// test can cut the link wherever it wants, let it hang, and count its bytes.
package linktest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// Direction is a way through the relay.
type Direction int

const (
	// ToHost is what the card sends.
	ToHost Direction = iota
	// ToCard is what the host sends.
	ToCard
)

// Dial opens a connection to the host.
type Dial func(ctx context.Context) (net.Conn, error)

// Unix dials the socket at path.
func Unix(path string) Dial {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
}

// TCP dials address.
func TCP(address string) Dial {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", address)
	}
}

// Cutter is the relay. It listens on a socket and passes every connection on,
// half-closes included. Its methods may be called concurrently.
type Cutter struct {
	network, address string
	dial             Dial
	reserved         io.Closer // of TCP, so that the link can be taken up again

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener // nil while the link is down
	pairs    map[*pair]bool
	moves    chan struct{} // closed while bytes move; open while they are stalled
	counts   [2]int64
	budgets  [2]*budget
}

// budget is how many bytes a direction may still pass before the link is cut.
type budget struct {
	left int64
	cut  chan struct{}
}

// New starts a relay from a unix socket at path, which it makes, to what dial
// reaches. The caller closes it.
func New(path string, dial Dial) (*Cutter, error) { return start("unix", path, dial) }

// NewTCP is New from an address of TCP over IPv4, whose port is given.
func NewTCP(address string, dial Dial) (*Cutter, error) {
	port, err := reserve(address)
	if err != nil {
		return nil, err
	}
	c, err := start("tcp", address, dial)
	if err != nil {
		return nil, errors.Join(err, port.Close())
	}
	c.reserved = port
	return c, nil
}

func start(network, address string, dial Dial) (*Cutter, error) {
	c := &Cutter{network: network, address: address, dial: dial, pairs: make(map[*pair]bool), moves: make(chan struct{})}
	close(c.moves)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if err := c.Up(); err != nil {
		return nil, err
	}
	return c, nil
}

// Endpoint is where the card finds the host, for link.Open.
func (c *Cutter) Endpoint() string { return c.network + "://" + c.address }

// Bytes returns how many bytes have passed in a direction.
func (c *Cutter) Bytes(d Direction) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[d]
}

// Cut breaks every connection. New ones are passed on.
func (c *Cutter) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cutLocked()
}

func (c *Cutter) cutLocked() {
	for p := range c.pairs {
		p.close()
	}
}

// Down breaks every connection and refuses new ones, until Up.
func (c *Cutter) Down() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.downLocked()
}

func (c *Cutter) downLocked() {
	if c.listener != nil {
		_ = c.listener.Close() // removes the socket too
		c.listener = nil
	}
	c.cutLocked()
}

// DownAfter takes the link down once n more bytes have passed in a direction,
// and closes the channel then, or when that is forgotten. Not one byte more
// gets through.
func (c *Cutter) DownAfter(d Direction, n int64) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := &budget{left: n, cut: make(chan struct{})}
	c.forgetLocked(d)
	c.budgets[d] = b
	return b.cut
}

// Up takes connections again, and forgets what DownAfter was told.
func (c *Cutter) Up() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgetLocked(ToHost)
	c.forgetLocked(ToCard)
	if c.listener != nil || c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	l, err := net.Listen(c.network, c.address)
	if err != nil {
		return fmt.Errorf("take the link up: %w", err)
	}
	c.listener = l
	c.work.Go(func() { c.serve(l) })
	return nil
}

// Stall lets no byte through until Resume. Connections stay and new ones are
// accepted: nothing tells either side that the other is not there.
func (c *Cutter) Stall() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.moves:
		c.moves = make(chan struct{})
	default:
	}
}

// Resume lets bytes through again, those included that were held up.
func (c *Cutter) Resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.moves:
	default:
		close(c.moves)
	}
}

// Close takes the link down for good. No goroutine of the relay is left when
// it returns.
func (c *Cutter) Close() error {
	c.cancel()
	c.Down()
	_ = c.Up() // only forgets
	c.work.Wait()
	if c.reserved != nil {
		return c.reserved.Close()
	}
	return nil
}

func (c *Cutter) serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		c.work.Go(func() { c.join(conn.(stream)) })
	}
}

// join relays one connection of the card until both its directions have ended.
func (c *Cutter) join(card stream) {
	conn, err := c.dial(c.ctx)
	if err != nil {
		_ = card.Close()
		return
	}
	host, ok := conn.(stream)
	if !ok {
		_ = errors.Join(card.Close(), conn.Close())
		return
	}
	p := &pair{card: card, host: host, closed: make(chan struct{})}
	if !c.add(p) {
		return
	}
	defer c.remove(p)
	var ways sync.WaitGroup
	ways.Go(func() { c.copy(p, ToHost, host, card) })
	ways.Go(func() { c.copy(p, ToCard, card, host) })
	ways.Wait()
}

func (c *Cutter) add(p *pair) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listener == nil {
		p.close()
		return false
	}
	c.pairs[p] = true
	return true
}

func (c *Cutter) remove(p *pair) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pairs, p)
	p.close()
}

// take says how many of n bytes may pass now, which is fewer when the link is
// to be cut after them. It waits while the link is stalled, and returns false
// when the pair was closed meanwhile.
func (c *Cutter) take(p *pair, d Direction, n int) (int, bool) {
	for {
		c.mu.Lock()
		moves := c.moves
		select {
		case <-moves:
			defer c.mu.Unlock()
			return c.spendLocked(d, n), true
		default:
		}
		c.mu.Unlock()
		select {
		case <-moves:
		case <-p.closed:
			return 0, false
		}
	}
}

func (c *Cutter) spendLocked(d Direction, n int) int {
	if b := c.budgets[d]; b != nil {
		n = int(min(int64(n), b.left))
		b.left -= int64(n)
	}
	c.counts[d] += int64(n)
	return n
}

// spent takes the link down where a budget is used up.
func (c *Cutter) spent(d Direction) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.budgets[d]
	if b == nil || b.left > 0 {
		return false
	}
	c.downLocked()
	c.forgetLocked(d)
	return true
}

func (c *Cutter) forgetLocked(d Direction) {
	if b := c.budgets[d]; b != nil {
		close(b.cut)
		c.budgets[d] = nil
	}
}
