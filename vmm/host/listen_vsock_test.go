package host

import (
	"net"
	"testing"

	"github.com/mdlayher/vsock"
)

// Only what comes from the other side of the vsock device may start VMs.
func TestVsockServesTheCardAlone(t *testing.T) {
	queue := &cidQueue{cids: []uint32{vsock.Local, 3, vsock.Host}}
	conn, err := (&cardOnly{Listener: queue}).Accept()
	if err != nil {
		t.Fatal(err)
	}
	if got := conn.RemoteAddr().(*vsock.Addr).ContextID; got != vsock.Host || queue.closed != 2 {
		t.Errorf("accepted CID %d after turning away %d, want CID 2 after 2", got, queue.closed)
	}
}

// cidQueue is a listener whose connections come from cids.
type cidQueue struct {
	net.Listener
	cids   []uint32
	closed int
}

func (q *cidQueue) Accept() (net.Conn, error) {
	cid := q.cids[0]
	q.cids = q.cids[1:]
	return &cidConn{queue: q, addr: &vsock.Addr{ContextID: cid}}, nil
}

type cidConn struct {
	net.Conn
	queue *cidQueue
	addr  *vsock.Addr
}

func (c *cidConn) RemoteAddr() net.Addr { return c.addr }
func (c *cidConn) Close() error         { c.queue.closed++; return nil }
