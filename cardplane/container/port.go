package container

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/duplex"
)

// DialPort implements [cardplane.PortService].
func (s *Service) DialPort(ctx context.Context, ref string, port int) (duplex.Conn, error) {
	if port < 1 || port > cardplane.MaxPort {
		return nil, invalid("port", "invalid_port", "the port %d is no TCP port; give 1 to %d", port, cardplane.MaxPort)
	}
	e, err := s.lookup(ref)
	if err != nil {
		return nil, err
	}
	r, err := e.runningRun(ctx)
	if err != nil {
		return nil, err
	}
	var conn duplex.Conn
	err = r.command(ctx, func(ctx context.Context) (err error) {
		conn, err = r.sb.Guest().DialPort(r.ctx, ctx, e.id, port)
		return err
	})
	if err != nil {
		return nil, e.notRunning(err)
	}
	return conn, nil
}
