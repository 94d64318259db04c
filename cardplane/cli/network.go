package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/cardplane/httpclient"
)

func (a *App) networkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "network",
		Short:   "Connect containers",
		Example: "  cardctl network create back",
	}
	cmd.AddCommand(a.networkCreateCommand(), a.networkListCommand(), a.networkInspectCommand(), a.networkRemoveCommand(),
		a.networkPruneCommand(), a.networkConnectCommand(), a.networkDisconnectCommand())
	return cmd
}

func (a *App) networkCreateCommand() *cobra.Command {
	var spec cardplane.NetworkSpec
	var subnets, gateways, labels []string
	cmd := &cobra.Command{
		Use:   "create [flags] [NAME]",
		Short: "Create a network",
		Example: `  cardctl network create back
  cardctl network create --subnet 10.5.0.0/24 --gateway 10.5.0.254 back
  cardctl network create --internal --ipv6 db
  cardctl run -d --name db --network back IMAGE`,
		Args: needArgs(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				spec.Name = args[0]
			}
			spec.Labels = labelMap(labels)
			if len(gateways) > len(subnets) {
				return usageError(cmd, "--gateway: there are more gateways than subnets; give the subnet of each with --subnet")
			}
			for i, prefix := range subnets {
				subnet := cardplane.Subnet{Prefix: prefix}
				if i < len(gateways) {
					subnet.Gateway = gateways[i]
				}
				spec.Subnets = append(spec.Subnets, subnet)
			}
			return a.withClient(func(client *httpclient.Client) error {
				made, err := once(cmd.Context(), a, func(key string) (cardplane.Network, error) {
					return client.Networks().Create(cmd.Context(), spec, key)
				})
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(a.Out, made.Name)
				return err
			})
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&subnets, "subnet", nil, "its addresses, such as 10.5.0.0/24; chosen where there is none")
	flags.StringArrayVar(&gateways, "gateway", nil, "gateway of the subnet, in the same order (default its first address)")
	flags.BoolVar(&spec.IPv6, "ipv6", false, "choose an IPv6 subnet too")
	flags.IntVar(&spec.MTU, "mtu", 0, "largest packet in bytes (default 1500; in user mode 16384)")
	flags.BoolVar(&spec.Internal, "internal", false, "let nothing lead out of it")
	flags.BoolVar(&spec.Isolated, "isolated", false, "keep its containers from each other")
	flags.StringArrayVarP(&labels, "label", "l", nil, "set the label KEY or KEY=VALUE")
	return cmd
}

func (a *App) networkListCommand() *cobra.Command {
	var f listFlags
	var filters *filterFlag
	cmd := &cobra.Command{
		Use:     "ls [flags]",
		Aliases: []string{"list"},
		Short:   "List networks",
		Example: "  cardctl network ls --filter label=tier=db",
		Args:    needArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			given, err := filters.values(cmd)
			if err := errors.Join(err, f.parse(cmd)); err != nil {
				return err
			}
			return a.withClient(func(client *httpclient.Client) error {
				all, err := client.Networks().List(cmd.Context(), cardplane.NetworkFilter{Labels: given["label"], Names: given["name"]})
				if err != nil {
					return err
				}
				return printNetworks(a.Out, all, f, time.Now())
			})
		},
	}
	f.register(cmd, ".ID .Name .Subnets .Reach .Created and .Labels")
	filters = addFilterFlag(cmd, "label", "name")
	return cmd
}

// networkView is a network as a template sees it.
type networkView struct {
	ID, Name, Subnets, Reach, Created string
	Labels                            map[string]string
}

func printNetworks(w io.Writer, all []cardplane.Network, f listFlags, now time.Time) error {
	var rows []row
	for _, n := range all {
		var subnets []string
		for _, subnet := range n.Subnets {
			subnets = append(subnets, subnet.Prefix)
		}
		view := networkView{
			ID: f.id(n.ID), Name: n.Name, Subnets: strings.Join(subnets, ", "), Reach: reach(n), Created: ago(n.CreatedAt, now), Labels: n.Labels,
		}
		rows = append(rows, row{id: n.Name, cells: []string{view.ID, view.Name, view.Subnets, view.Reach, view.Created}, view: view, api: apimodel.NetworkToAPI(n)})
	}
	return f.print(w, "NETWORK ID\tNAME\tSUBNETS\tREACH\tCREATED", rows)
}

// reach says what can be reached from a network.
func reach(n cardplane.Network) string {
	switch {
	case n.Internal && n.Isolated:
		return "nothing"
	case n.Internal:
		return "internal"
	case n.Isolated:
		return "isolated"
	}
	return "all"
}

func (a *App) networkInspectCommand() *cobra.Command {
	var f objectFlags
	cmd := &cobra.Command{
		Use:     "inspect NETWORK [NETWORK...]",
		Short:   "Print networks as JSON",
		Example: "  cardctl network inspect back\n  cardctl network inspect --format '{{.mtu}}' back",
		Args:    needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.parse(cmd); err != nil {
				return err
			}
			return a.withClient(func(client *httpclient.Client) error {
				found := []any{}
				for _, name := range args {
					n, err := client.Networks().Get(cmd.Context(), name)
					if err != nil {
						return err
					}
					found = append(found, apimodel.NetworkToAPI(n))
				}
				return f.printAll(a.Out, found)
			})
		},
	}
	f.register(cmd, "json", "{{.mtu}}")
	return cmd
}

func (a *App) networkRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "rm NETWORK [NETWORK...]",
		Aliases: []string{"remove"},
		Short:   "Remove networks",
		Example: "  cardctl network rm back",
		Args:    needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(func(client *httpclient.Client) error {
				return a.forEach(args, func(name string) error { return client.Networks().Remove(cmd.Context(), name) })
			})
		},
	}
}

func (a *App) networkPruneCommand() *cobra.Command {
	cmd := a.pruning("networks", func() string { return "all networks that no container names or runs on" },
		func(ctx context.Context, client *httpclient.Client, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
			return client.Networks().Prune(ctx, filter)
		})
	cmd.Short = "Remove all networks that no container names or runs on"
	cmd.Example = "  cardctl network prune -f --filter label=stage=test"
	return cmd
}

func (a *App) networkConnectCommand() *cobra.Command {
	var nic cardplane.NIC
	var ip, ip6 string
	cmd := &cobra.Command{
		Use:     "connect [flags] NETWORK CONTAINER",
		Short:   "Put a container on a network, also while it runs",
		Example: "  cardctl network connect --alias db back web",
		Args:    needArgs(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			nic.Network = args[0]
			for _, address := range []string{ip, ip6} {
				if address != "" {
					nic.Addresses = append(nic.Addresses, address)
				}
			}
			return a.withClient(func(client *httpclient.Client) error {
				_, err := client.Containers().Connect(cmd.Context(), args[1], nic)
				return err
			})
		},
	}
	cmd.Flags().StringArrayVar(&nic.Aliases, "alias", nil, "further name on the network")
	cmd.Flags().StringVar(&ip, "ip", "", "IPv4 address")
	cmd.Flags().StringVar(&ip6, "ip6", "", "IPv6 address")
	cmd.Flags().StringVar(&nic.MAC, "mac-address", "", "MAC address")
	return cmd
}

func (a *App) networkDisconnectCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "disconnect NETWORK CONTAINER",
		Short:   "Take a container off a network, also while it runs",
		Example: "  cardctl network disconnect back web",
		Args:    needArgs(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(func(client *httpclient.Client) error {
				_, err := client.Containers().Disconnect(cmd.Context(), args[1], args[0])
				return err
			})
		},
	}
}

func (a *App) portCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "port CONTAINER [PORT[/tcp|udp]]",
		Short:   "Print where a container's ports are published",
		Example: "  cardctl port web\n  cardctl port web 80",
		Args:    needArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(func(client *httpclient.Client) error {
				c, err := client.Containers().Get(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return printPorts(a.Out, c, args[1:])
			})
		},
	}
}

// printPorts prints the published ports, or where the one is that was asked for.
func printPorts(w io.Writer, c cardplane.Container, only []string) error {
	found := false
	for _, p := range c.Ports {
		inside := fmt.Sprintf("%d/%s", p.ContainerPort, p.Protocol)
		outside, _, _ := strings.Cut(portText(p), "->")
		line := inside + " -> " + outside
		if len(only) > 0 {
			if only[0] != inside && only[0]+"/tcp" != inside {
				continue
			}
			line = outside
		}
		found = true
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	if len(only) > 0 && !found {
		return fmt.Errorf("the port %s of container %s is not published; `cardctl port %s` lists those that are", only[0], c.Name, c.Name)
	}
	return nil
}
