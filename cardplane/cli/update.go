package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/httpclient"
)

// updateFlags are the flags of update. What is not given stays as it is.
type updateFlags struct {
	memory, cpus, restart string
	pids                  int64
	labels, unlabel       []string
}

func (a *App) updateCommand() *cobra.Command {
	var f updateFlags
	cmd := &cobra.Command{
		Use:     "update [flags] CONTAINER [CONTAINER...]",
		Short:   "Change limits, restart policy and labels of containers, also of running ones",
		Example: "  cardctl update -m 1g --restart always web\n  cardctl update -l tier=front --label-rm trial web",
		Args:    needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			update, err := f.update(cmd)
			if err != nil {
				return err
			}
			return a.withClient(func(client *httpclient.Client) error {
				return a.forEach(args, func(name string) error {
					c, err := client.Containers().Update(cmd.Context(), name, update, "")
					if err == nil && len(c.Pending) > 0 {
						_, _ = fmt.Fprintf(a.Err, "cardctl: %s of %s: more than its running virtual machine has; counts from its next start on\n", strings.Join(c.Pending, " and "), c.Name)
					}
					return err
				})
			})
		},
	}
	cmd.Flags().StringVarP(&f.memory, "memory", "m", "", "memory, such as 512m or 1g")
	cmd.Flags().StringVar(&f.cpus, "cpus", "", "number of virtual CPUs")
	cmd.Flags().Int64Var(&f.pids, "pids-limit", 0, "number of processes and threads at most; 0 or -1 is without a limit")
	cmd.Flags().StringVar(&f.restart, "restart", "", "restart policy: no, on-failure[:TIMES], always or unless-stopped")
	cmd.Flags().StringArrayVarP(&f.labels, "label", "l", nil, "set the label KEY or KEY=VALUE")
	cmd.Flags().StringArrayVar(&f.unlabel, "label-rm", nil, "remove the label KEY")
	return cmd
}

func (f *updateFlags) update(cmd *cobra.Command) (cardplane.ContainerUpdate, error) {
	u := cardplane.ContainerUpdate{Labels: labelChanges(f.labels, f.unlabel)}
	if f.restart != "" {
		p, err := parseRestart(f.restart)
		if err != nil {
			return u, fmt.Errorf("--restart: %w", err)
		}
		u.Restart = &p
	}
	if cmd.Flags().Changed("pids-limit") {
		pids := max(f.pids, 0)
		u.PidsLimit = &pids
	}
	return u, f.resources(&u)
}

func (f *updateFlags) resources(u *cardplane.ContainerUpdate) error {
	if f.memory != "" {
		size, err := parseSize(f.memory)
		if err != nil {
			return fmt.Errorf("--memory: %w", err)
		}
		u.MemoryBytes = &size
	}
	if f.cpus != "" {
		n, err := parseCPUs(f.cpus)
		if err != nil {
			return fmt.Errorf("--cpus: %w", err)
		}
		u.VCPUs = &n
	}
	return nil
}

// labelChanges are the changes that set labels, each KEY or KEY=VALUE, and remove
// those with the keys of unlabel.
func labelChanges(labels, unlabel []string) map[string]*string {
	changes := make(map[string]*string)
	for _, key := range unlabel {
		changes[key] = nil
	}
	for _, label := range labels {
		key, value, _ := strings.Cut(label, "=")
		changes[key] = &value
	}
	return changes
}
