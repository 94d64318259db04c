package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/cardplane/httpclient"
)

func (a *App) volumeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "volume",
		Short:   "Keep file systems that outlive containers",
		Example: "  cardctl volume create data",
	}
	cmd.AddCommand(a.volumeCreateCommand(), a.volumeCloneCommand(), a.volumeListCommand(), a.volumeInspectCommand(),
		a.volumeResizeCommand(), a.volumeAttachCommand(), a.volumeDetachCommand(), a.volumeExportCommand(), a.volumeImportCommand(), a.volumeRemoveCommand(), a.volumePruneCommand())
	return cmd
}

func (a *App) volumeCreateCommand() *cobra.Command {
	var size, format string
	var labels []string
	cmd := &cobra.Command{
		Use:     "create [flags] [NAME]",
		Short:   "Create a volume",
		Example: "  cardctl volume create --size 20g data\n  cardctl run -v data:/var/lib/postgresql IMAGE\n  cardctl volume create --format raw disk\n  cardctl run -v disk:/dev/data IMAGE",
		Args:    needArgs(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			spec := cardplane.VolumeSpec{Format: cardplane.VolumeFormat(format), Labels: labelMap(labels)}
			if len(args) == 1 {
				spec.Name = args[0]
			}
			var err error
			if size != "" {
				if spec.SizeBytes, err = parseSize(size); err != nil {
					return usageError(cmd, "--size: %w", err)
				}
			}
			return a.makeVolume(cmd.Context(), spec)
		},
	}
	cmd.Flags().StringVar(&size, "size", "", "what it can hold, such as 20g; it takes the space of what is written (default 10g)")
	cmd.Flags().StringVar(&format, "format", "", "what it holds: ext4, or raw for a block device (default ext4)")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{string(cardplane.FormatExt4), string(cardplane.FormatRaw)}, cobra.ShellCompDirectiveNoFileComp))
	cmd.Flags().StringArrayVarP(&labels, "label", "l", nil, "set the label KEY or KEY=VALUE")
	return cmd
}

func (a *App) volumeCloneCommand() *cobra.Command {
	var size string
	var labels []string
	cmd := &cobra.Command{
		Use:     "clone [flags] VOLUME [NAME]",
		Short:   "Create a copy of a volume that nobody writes to",
		Example: "  cardctl volume clone data data-before\n  cardctl volume clone --size 40g data larger",
		Args:    needArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			spec := cardplane.VolumeSpec{Source: args[0], Labels: labelMap(labels)}
			if len(args) == 2 {
				spec.Name = args[1]
			}
			var err error
			if size != "" {
				if spec.SizeBytes, err = parseSize(size); err != nil {
					return usageError(cmd, "--size: %w", err)
				}
			}
			return a.makeVolume(cmd.Context(), spec)
		},
	}
	cmd.Flags().StringVar(&size, "size", "", "what it can hold, at least what VOLUME can (default the same)")
	cmd.Flags().StringArrayVarP(&labels, "label", "l", nil, "set the label KEY or KEY=VALUE")
	return cmd
}

// makeVolume creates a volume and prints its name.
func (a *App) makeVolume(ctx context.Context, spec cardplane.VolumeSpec) error {
	return a.withClient(func(client *httpclient.Client) error {
		made, err := once(ctx, a, func(key string) (cardplane.Volume, error) {
			return client.Volumes().Create(ctx, spec, key)
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(a.Out, made.Name)
		return err
	})
}

func (a *App) volumeListCommand() *cobra.Command {
	var f listFlags
	var filters *filterFlag
	cmd := &cobra.Command{
		Use:     "ls [flags]",
		Aliases: []string{"list"},
		Short:   "List volumes",
		Example: "  cardctl volume ls --filter label=tier=db",
		Args:    needArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			given, err := filters.values(cmd)
			if err := errors.Join(err, f.parse(cmd)); err != nil {
				return err
			}
			return a.withClient(func(client *httpclient.Client) error {
				all, err := client.Volumes().List(cmd.Context(), cardplane.VolumeFilter{Labels: given["label"], Names: given["name"]})
				if err != nil {
					return err
				}
				return printVolumes(a.Out, all, f, time.Now())
			})
		},
	}
	f.register(cmd, ".ID .Name .Format .Size .Created and .Labels")
	filters = addFilterFlag(cmd, "label", "name")
	return cmd
}

// volumeView is a volume as a template sees it.
type volumeView struct {
	ID, Name, Format, Size, Created string
	Labels                          map[string]string
}

func printVolumes(w io.Writer, all []cardplane.Volume, f listFlags, now time.Time) error {
	var rows []row
	for _, v := range all {
		view := volumeView{ID: f.id(v.ID), Name: v.Name, Format: string(v.Format), Size: humanSize(v.SizeBytes), Created: ago(v.CreatedAt, now), Labels: v.Labels}
		rows = append(rows, row{id: v.Name, cells: []string{view.Name, view.Size, view.Created}, view: view, api: apimodel.VolumeToAPI(v)})
	}
	return f.print(w, "NAME\tSIZE\tCREATED", rows)
}

func (a *App) volumeInspectCommand() *cobra.Command {
	var f objectFlags
	cmd := &cobra.Command{
		Use:     "inspect VOLUME [VOLUME...]",
		Short:   "Print volumes as JSON",
		Example: "  cardctl volume inspect data\n  cardctl volume inspect --format '{{.sizeBytes}}' data",
		Args:    needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.parse(cmd); err != nil {
				return err
			}
			return a.withClient(func(client *httpclient.Client) error {
				found := []any{}
				for _, name := range args {
					v, err := client.Volumes().Get(cmd.Context(), name)
					if err != nil {
						return err
					}
					found = append(found, apimodel.VolumeToAPI(v))
				}
				return f.printAll(a.Out, found)
			})
		},
	}
	f.register(cmd, "json", "{{.sizeBytes}}")
	return cmd
}

func (a *App) volumeResizeCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "resize VOLUME SIZE",
		Short:   "Make a volume larger, also while a container writes to it",
		Example: "  cardctl volume resize data 40g",
		Args:    needArgs(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			size, err := parseSize(args[1])
			if err != nil {
				return usageError(cmd, "SIZE: %w", err)
			}
			return a.withClient(func(client *httpclient.Client) error {
				_, err := client.Volumes().Resize(cmd.Context(), args[0], size)
				return err
			})
		},
	}
}

func (a *App) volumePruneCommand() *cobra.Command {
	cmd := a.pruning("volumes", func() string { return "all volumes that no container names, and what is on them" },
		func(ctx context.Context, client *httpclient.Client, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
			return client.Volumes().Prune(ctx, filter)
		})
	cmd.Short = "Remove all volumes that no container names"
	cmd.Example = "  cardctl volume prune -f --filter label=stage=test"
	return cmd
}

func (a *App) volumeRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "rm VOLUME [VOLUME...]",
		Aliases: []string{"remove"},
		Short:   "Remove volumes and what is on them",
		Example: "  cardctl volume rm data",
		Args:    needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(func(client *httpclient.Client) error {
				return a.forEach(args, func(name string) error { return client.Volumes().Remove(cmd.Context(), name) })
			})
		},
	}
}
