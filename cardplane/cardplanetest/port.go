package cardplanetest

import (
	"context"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/duplex"
)

// DialPort takes this machine's loopback addresses for every container's.
func (s *containerService) DialPort(ctx context.Context, ref string, port int) (duplex.Conn, error) {
	if err := s.checkRunning(ref); err != nil {
		return nil, err
	}
	if port < 1 || port > 65535 {
		return nil, apierr.New(apierr.InvalidArgument, "invalid_port", "the port %d is no TCP port; give 1 to 65535", port).At("port")
	}
	return duplex.DialLoopback(ctx, port)
}

func (s *containerService) checkRunning(ref string) error {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err == nil {
		_, err = c.runningLocked()
	}
	return err
}
