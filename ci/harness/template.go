package harness

import (
	"context"
	"fmt"
	"time"
)

// templatePoll is how often the host is asked which templates it has.
const templatePoll = 100 * time.Millisecond

// AwaitTemplates returns once the host has n templates and no virtual machine,
// also not one that a template was made in. It errs when ctx ends.
func (s *Stack) AwaitTemplates(ctx context.Context, n int) error {
	l, err := s.Link()
	if err != nil {
		return err
	}
	defer l.Close()
	for {
		templates, err := l.Snapshots(ctx)
		if err == nil && len(templates) == n {
			vms, err := l.VMs(ctx)
			if err == nil && len(vms) == 0 {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %d templates: there are %d: %w", n, len(templates), ctx.Err())
		case <-time.After(templatePoll):
		}
	}
}
