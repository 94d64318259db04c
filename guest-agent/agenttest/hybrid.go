package agenttest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
)

// portMux serves a hybrid-vsock socket and hands its connections to one
// listener a port.
type portMux struct {
	listener *net.UnixListener
	serving  sync.WaitGroup

	mu     sync.Mutex
	ports  map[uint32]*portListener
	conns  map[net.Conn]struct{}
	closed bool
}

func listenMux(path string) (*portMux, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	m := &portMux{listener: l, ports: map[uint32]*portListener{}, conns: map[net.Conn]struct{}{}}
	m.serving.Go(m.accept)
	return m, nil
}

// port makes the listener of a port.
func (m *portMux) port(n uint32) net.Listener {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := &portListener{addr: m.listener.Addr(), conns: make(chan net.Conn), closed: make(chan struct{})}
	m.ports[n] = l
	return l
}

func (m *portMux) accept() {
	for {
		conn, err := m.listener.AcceptUnix()
		if err != nil {
			return
		}
		if m.enter(conn) {
			m.serving.Go(func() { m.handshake(conn) })
		}
	}
}

func (m *portMux) enter(conn net.Conn) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		_ = conn.Close()
		return false
	}
	m.conns[conn] = struct{}{}
	return true
}

// handshake reads the CONNECT line and hands the connection over. A port
// without a listener is answered by closing, as Cloud Hypervisor does.
func (m *portMux) handshake(conn *net.UnixConn) {
	line, err := readLine(conn)
	var n uint32
	if err == nil {
		_, err = fmt.Sscanf(line, "CONNECT %d\n", &n)
	}
	m.mu.Lock()
	l := m.ports[n]
	m.mu.Unlock()
	if err == nil && l != nil {
		_, err = fmt.Fprintf(conn, "OK %d\n", n)
	}
	if err != nil || l == nil {
		_ = conn.Close()
		return
	}
	select {
	case l.conns <- conn:
	case <-l.closed:
		_ = conn.Close()
	}
}

// cut closes all connections.
func (m *portMux) cut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for conn := range m.conns {
		_ = conn.Close()
	}
	clear(m.conns)
}

func (m *portMux) close() {
	_ = m.listener.Close()
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.cut()
	m.serving.Wait()
}

// portListener is the net.Listener of one port.
type portListener struct {
	addr   net.Addr
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *portListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *portListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *portListener) Addr() net.Addr { return l.addr }

// readLine reads up to and including a '\n', and nothing after it.
func readLine(r io.Reader) (string, error) {
	const maxLine = 64
	var line []byte
	b := make([]byte, 1)
	for len(line) < maxLine && !bytes.HasSuffix(line, []byte("\n")) {
		if _, err := io.ReadFull(r, b); err != nil {
			return "", err
		}
		line = append(line, b[0])
	}
	return string(line), nil
}

// dialHybrid connects to a port behind a hybrid-vsock socket.
func dialHybrid(ctx context.Context, path string, port uint32) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(conn, "CONNECT %d\n", port); err != nil {
		_ = conn.Close()
		return nil, err
	}
	if _, err := readLine(conn); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("connect to port %d: %w", port, err)
	}
	return conn, nil
}
