package cardplane

import (
	"context"

	"github.com/cardplane/cardplane/openapi/duplex"
)

// MaxPort is TCP's highest port; the lowest is 1.
const MaxPort = 65535

// PortService connects to what containers that run listen on, without any
// network between here and there.
type PortService interface {
	// DialPort connects to a TCP port of the container's 127.0.0.1, or else of
	// its ::1. ctx is for the call; the connection lasts until it is closed,
	// or the container's program or machine ends. It is not resumed after a
	// cut.
	//
	// Errors: container_not_running, connection_refused where nothing listens,
	// connection_failed, too_many, invalid_port.
	DialPort(ctx context.Context, ref string, port int) (duplex.Conn, error)
}
