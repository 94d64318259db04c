package hostonly

import (
	"net"
	"testing"

	"github.com/mdlayher/vsock"
)

// Only what comes from the other side of the vsock device may command.
func TestTheHostAlone(t *testing.T) {
	queue := &queue{peers: []net.Addr{
		&vsock.Addr{ContextID: vsock.Local, Port: 7},
		&vsock.Addr{ContextID: 3, Port: 7},
		&net.UnixAddr{},
		&vsock.Addr{ContextID: vsock.Host, Port: 7},
	}}
	conn, err := listener{queue}.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if got := conn.RemoteAddr().(*vsock.Addr).ContextID; got != vsock.Host || queue.closed != 3 {
		t.Errorf("accepted CID %d after turning away %d, want CID 2 after 3", got, queue.closed)
	}
}

// queue is a listener whose connections come from peers.
type queue struct {
	net.Listener
	peers  []net.Addr
	closed int
}

func (q *queue) Accept() (net.Conn, error) {
	peer := q.peers[0]
	q.peers = q.peers[1:]
	return &queued{queue: q, peer: peer}, nil
}

type queued struct {
	net.Conn
	queue *queue
	peer  net.Addr
}

func (c *queued) RemoteAddr() net.Addr { return c.peer }
func (c *queued) Close() error         { c.queue.closed++; return nil }
