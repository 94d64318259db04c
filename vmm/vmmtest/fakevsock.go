package vmmtest

import (
	"fmt"
	"net"
	"strings"
	"sync"
)

// serveVsock is the host's side of the fake's vsock device: the hybrid-vsock
// handshake, and then the guest's handler. It ends with the listener, and
// takes the connections with it.
func (m *fakeMachine) serveVsock(l net.Listener) {
	var handlers sync.WaitGroup
	var mu sync.Mutex
	conns := map[net.Conn]bool{}
	for {
		conn, err := l.Accept()
		if err != nil {
			break
		}
		mu.Lock()
		conns[conn] = true
		mu.Unlock()
		handlers.Go(func() {
			m.greet(conn)
			_ = conn.Close()
			mu.Lock()
			delete(conns, conn)
			mu.Unlock()
		})
	}
	mu.Lock()
	for conn := range conns {
		_ = conn.Close()
	}
	mu.Unlock()
	handlers.Wait()
}

// greet reads "CONNECT <port>" byte by byte and hands the connection to the
// port's handler. Without one it just ends, as the real device does.
func (m *fakeMachine) greet(conn net.Conn) {
	m.awaitRunning()
	var line strings.Builder
	for one := make([]byte, 1); line.Len() < 32; {
		if _, err := conn.Read(one); err != nil {
			return
		}
		if one[0] == '\n' {
			break
		}
		line.WriteByte(one[0])
	}
	var port uint32
	if _, err := fmt.Sscanf(line.String(), "CONNECT %d", &port); err != nil {
		return
	}
	handler := m.guest.Ports[port]
	if handler == nil {
		return
	}
	if _, err := fmt.Fprintf(conn, "OK %d\n", 1<<30+port); err != nil {
		return
	}
	handler(conn)
}
