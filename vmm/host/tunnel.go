package host

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/procs"
	"github.com/cardplane/cardplane/vmm/host/internal/relay"
)

const (
	tunnelProtocol = "cardplane-tunnel"
	// connectTimeout bounds a connect to a VMM's socket, which takes long
	// only when the VMM is stuck.
	connectTimeout = 5 * time.Second
)

// openTunnel joins the request's connection with one of the VM's sockets.
func (s *Server) openTunnel(w http.ResponseWriter, r *http.Request) {
	if !wantsTunnel(r.Header) {
		s.fail(w, r, apierr.New(apierr.InvalidArgument, "upgrade_required",
			"a tunnel needs the headers Connection: Upgrade and Upgrade: %s", tunnelProtocol))
		return
	}
	inner, err := s.dialVM(r.PathValue("id"), hostapi.TunnelKind(r.PathValue("kind")))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if err := s.joinTunnel(w, inner); err != nil {
		_ = inner.Close()
		s.fail(w, r, err)
	}
}

func wantsTunnel(h http.Header) bool {
	if !strings.EqualFold(h.Get("Upgrade"), tunnelProtocol) {
		return false
	}
	for token := range strings.SplitSeq(h.Get("Connection"), ",") {
		if strings.EqualFold(strings.TrimSpace(token), "upgrade") {
			return true
		}
	}
	return false
}

// dialVM connects to one of a VM's sockets. It heeds no request's context,
// which ends when the card ends its direction: that is none of a tunnel's end.
func (s *Server) dialVM(id string, kind hostapi.TunnelKind) (relay.Conn, error) {
	files, err := s.machines.Files(id)
	if err != nil {
		return nil, err
	}
	path, ok := map[hostapi.TunnelKind]string{
		hostapi.Api: files.API, hostapi.Vsock: files.Vsock, hostapi.Console: files.ConsoleSocket,
	}[kind]
	if !ok {
		return nil, apierr.New(apierr.InvalidArgument, "invalid_tunnel", "%.40q is no tunnel; give api, vsock or console", kind)
	}
	select {
	case <-files.Exited:
		return nil, apierr.New(apierr.FailedPrecondition, "vm_exited", "the VMM of VM %q has ended; read its log and exit", id)
	default:
	}
	dialer := net.Dialer{Timeout: connectTimeout}
	conn, err := dialer.DialContext(s.ctx, "unix", path)
	if err != nil {
		return nil, apierr.New(apierr.Unavailable, "tunnel_unavailable",
			"the %s socket of VM %q does not accept: %w", kind, id, err)
	}
	socket := conn.(*net.UnixConn)
	if err := checkPeer(socket, kind, files.UID); err != nil {
		_ = socket.Close()
		return nil, err
	}
	return socket, nil
}

// checkPeer refuses a socket in the VMM's directory that is not the VMM's: a
// guest that has taken its VMM over could have laid a way to another one.
func checkPeer(conn *net.UnixConn, kind hostapi.TunnelKind, uid int) error {
	if kind == hostapi.Api || uid == 0 {
		return nil
	}
	peer, err := procs.PeerUID(conn)
	if err != nil {
		return err
	}
	if peer != uid {
		return apierr.New(apierr.Unavailable, "tunnel_unavailable",
			"the %s socket belongs to uid %d and not to the VM's uid %d; delete the VM", kind, peer, uid)
	}
	return nil
}

// joinTunnel takes the request's connection over and relays it. An error
// means that the response has not been begun.
func (s *Server) joinTunnel(w http.ResponseWriter, inner relay.Conn) error {
	// Close waits for requests first and for tunnels then. It must find this one
	// among the tunnels as soon as it is no request any more.
	s.tunnels.Add(1)
	outer, sent, err := takeOver(w)
	if err != nil {
		s.tunnels.Done()
		return err
	}
	go func() {
		defer s.tunnels.Done()
		s.runTunnel(outer, inner, sent)
	}()
	return nil
}

// takeOver takes the request's connection from the HTTP server, with what was
// read from it already.
func takeOver(w http.ResponseWriter) (relay.Conn, *bufio.Reader, error) {
	conn, rest, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("take over connection: %w", err)
	}
	outer, ok := conn.(relay.Conn)
	if !ok {
		return nil, nil, errors.Join(fmt.Errorf("a %T cannot carry a tunnel", conn), conn.Close())
	}
	return outer, rest.Reader, nil
}

// runTunnel answers 101, passes on what the card has sent already, and
// relays from then on.
func (s *Server) runTunnel(outer, inner relay.Conn, sent *bufio.Reader) {
	err := beginTunnel(outer, inner, sent)
	if err == nil {
		err = s.relay.Run(s.ctx, outer, inner)
	} else {
		err = errors.Join(err, outer.Close(), inner.Close())
	}
	if err != nil && s.ctx.Err() == nil {
		s.cfg.Log.WithError(err).Debug("tunnel broke")
	}
}

func beginTunnel(outer, inner relay.Conn, sent *bufio.Reader) error {
	if err := outer.SetDeadline(time.Time{}); err != nil {
		return err
	}
	_, err := io.WriteString(outer, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+tunnelProtocol+"\r\n\r\n")
	if err != nil {
		return err
	}
	_, err = io.CopyN(inner, sent, int64(sent.Buffered()))
	return err
}
