package harness

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cardplane/cardplane/cardplane"
)

// evidenceTimeout bounds what a failed test waits for its evidence.
const evidenceTimeout = 20 * time.Second

// Logs returns what is known of a failed test: what the daemons have logged,
// why containers have failed with what their guests and VMMs said last, and
// the end of another machine's kernel log.
func (s *Stack) Logs() string {
	return s.host.log() + s.card.log() + s.failures() + s.host.kernelLog()
}

// failures tells of the containers that carry an error.
func (s *Stack) failures() string {
	if s.Client == nil || !s.card.running() {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), evidenceTimeout)
	defer cancel()
	containers, err := s.Client.Containers().List(ctx, cardplane.ContainerFilter{All: true})
	if err != nil {
		return fmt.Sprintf("--- containers: %v\n", err)
	}
	var out strings.Builder
	for _, c := range containers {
		if c.Error != nil {
			fmt.Fprintf(&out, "--- container %s: %+v\n", c.Name, c.Error)
		}
	}
	return out.String()
}
