package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/cardplane/httpclient"
)

func (a *App) sandboxCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "sandbox",
		Short:   "Keep virtual machines that several containers share",
		Example: "  cardctl sandbox create shop\n  cardctl run -d --sandbox shop IMAGE",
	}
	cmd.AddCommand(a.sandboxCreateCommand(), a.sandboxListCommand(), a.sandboxInspectCommand(),
		a.sandboxRemoveCommand(), a.sandboxPruneCommand())
	return cmd
}

func (a *App) sandboxCreateCommand() *cobra.Command {
	var memory, cpus string
	var labels []string
	var networks networkFlags
	var spec cardplane.SandboxSpec
	cmd := &cobra.Command{
		Use:   "create [flags] [NAME]",
		Short: "Create a sandbox; its machine is booted with its first container",
		Example: `  cardctl sandbox create --cpus 2 -m 512m -p 8080:80 shop
  cardctl run -d --sandbox shop --name db demo/services redis-server
  cardctl run --rm --sandbox shop demo/services redis-cli -h 127.0.0.1 ping`,
		Args: needArgs(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				spec.Name = args[0]
			}
			spec.Labels = labelMap(labels)
			if err := sandboxSize(cmd, memory, cpus, &spec.Resources); err != nil {
				return err
			}
			var err error
			if spec.Networks, spec.Ports, err = networks.parse(); err != nil {
				return usageError(cmd, "%w", err)
			}
			return a.withClient(func(client *httpclient.Client) error {
				made, err := once(cmd.Context(), a, func(key string) (cardplane.Sandbox, error) {
					return client.Sandboxes().Create(cmd.Context(), spec, key)
				})
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(a.Out, made.Name)
				return err
			})
		},
	}
	cmd.Flags().StringVarP(&memory, "memory", "m", "", "memory of the virtual machine, such as 512m or 1g (default 256m)")
	cmd.Flags().StringVar(&cpus, "cpus", "", "number of virtual CPUs (default 1)")
	cmd.Flags().StringVar(&spec.Resources.CPUSet, "cpuset-cpus", "", "CPUs of the compute host that the virtual CPUs may run on, such as 0-3,8")
	cmd.Flags().BoolVar(&spec.Resources.HugePages, "hugepages", false, "back the memory by huge pages of the compute host")
	cmd.Flags().StringArrayVarP(&labels, "label", "l", nil, "set the label KEY or KEY=VALUE")
	networks.register(cmd.Flags())
	return cmd
}

// sandboxSize reads --memory and --cpus.
func sandboxSize(cmd *cobra.Command, memory, cpus string, r *cardplane.SandboxResources) error {
	var err error
	if memory != "" {
		if r.MemoryBytes, err = parseSize(memory); err != nil {
			return usageError(cmd, "--memory: %w", err)
		}
	}
	if cpus != "" {
		if r.VCPUs, err = parseCPUs(cpus); err != nil {
			return usageError(cmd, "--cpus: %w", err)
		}
	}
	return nil
}

func (a *App) sandboxListCommand() *cobra.Command {
	var f listFlags
	var filters *filterFlag
	cmd := &cobra.Command{
		Use:     "ls [flags]",
		Aliases: []string{"list"},
		Short:   "List sandboxes",
		Example: "  cardctl sandbox ls --filter state=running",
		Args:    needArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			given, err := filters.values(cmd)
			if err := errors.Join(err, f.parse(cmd)); err != nil {
				return err
			}
			filter := cardplane.SandboxFilter{Labels: given["label"], Names: given["name"]}
			for _, state := range given["state"] {
				filter.States = append(filter.States, cardplane.SandboxState(state))
			}
			return a.withClient(func(client *httpclient.Client) error {
				all, err := client.Sandboxes().List(cmd.Context(), filter)
				if err != nil {
					return err
				}
				return printSandboxes(a.Out, all, f, time.Now())
			})
		},
	}
	f.register(cmd, ".ID .Name .State .Containers .CPUs .Memory .Ports .Created and .Labels")
	filters = addFilterFlag(cmd, "label", "name", "state")
	return cmd
}

// sandboxView is a sandbox as a template sees it.
type sandboxView struct {
	ID, Name, State, Containers, CPUs, Memory, Ports, Created string
	Labels                                                    map[string]string
}

func printSandboxes(w io.Writer, all []cardplane.Sandbox, f listFlags, now time.Time) error {
	var rows []row
	for _, s := range all {
		v := sandboxView{
			ID: f.id(s.ID), Name: s.Name, State: string(s.State), Containers: strconv.Itoa(len(s.Containers)),
			CPUs: strconv.Itoa(s.Resources.VCPUs), Memory: humanSize(s.Resources.MemoryBytes), Ports: portList(s.Published), Created: ago(s.CreatedAt, now), Labels: s.Labels,
		}
		rows = append(rows, row{
			id: v.Name, cells: []string{v.Name, v.State, v.Containers, v.CPUs, v.Memory, v.Ports, v.Created}, view: v, api: apimodel.SandboxToAPI(s),
		})
	}
	return f.print(w, "NAME\tSTATE\tCONTAINERS\tCPUS\tMEMORY\tPORTS\tCREATED", rows)
}

func (a *App) sandboxInspectCommand() *cobra.Command {
	var f objectFlags
	cmd := &cobra.Command{
		Use:     "inspect SANDBOX [SANDBOX...]",
		Short:   "Print sandboxes as JSON",
		Example: "  cardctl sandbox inspect shop\n  cardctl sandbox inspect --format '{{.state}}' shop",
		Args:    needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.parse(cmd); err != nil {
				return err
			}
			return a.withClient(func(client *httpclient.Client) error {
				found := []any{}
				for _, name := range args {
					s, err := client.Sandboxes().Get(cmd.Context(), name)
					if err != nil {
						return err
					}
					found = append(found, apimodel.SandboxToAPI(s))
				}
				return f.printAll(a.Out, found)
			})
		},
	}
	f.register(cmd, "json", "{{.state}}")
	return cmd
}

func (a *App) sandboxRemoveCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "rm [flags] SANDBOX [SANDBOX...]",
		Aliases: []string{"remove"},
		Short:   "Remove sandboxes",
		Example: "  cardctl sandbox rm shop\n  cardctl sandbox rm -f shop    # and its containers",
		Args:    needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(func(client *httpclient.Client) error {
				return a.forEach(args, func(name string) error { return client.Sandboxes().Remove(cmd.Context(), name, force) })
			})
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "also remove its containers, killing those that run")
	return cmd
}

func (a *App) sandboxPruneCommand() *cobra.Command {
	cmd := a.pruning("sandboxes", func() string { return "all sandboxes that no container names" },
		func(ctx context.Context, client *httpclient.Client, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
			return client.Sandboxes().Prune(ctx, filter)
		})
	cmd.Short = "Remove all sandboxes that no container names"
	cmd.Example = "  cardctl sandbox prune -f --filter label=stage=test"
	return cmd
}
