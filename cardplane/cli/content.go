package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/cardplane/httpclient"
)

// contentCommands are the commands of one kind of content, which are alike.
type contentCommands struct {
	*App
	kind cardplane.ContentKind
	// example is a name.
	example string
}

func (a *App) configCommand() *cobra.Command {
	c := contentCommands{a, cardplane.KindConfig, "app.conf"}
	return c.command("Keep small files that containers have", "  cardctl config create app.conf ./app.conf\n  cardctl run --config app.conf,target=/etc/app.conf IMAGE")
}

func (a *App) secretCommand() *cobra.Command {
	c := contentCommands{a, cardplane.KindSecret, "db-password"}
	return c.command("Keep small files that containers have and nobody is shown", "  cardctl secret create db-password - < password\n  cardctl run --secret db-password IMAGE    # /run/secrets/db-password")
}

func (c contentCommands) command(short, example string) *cobra.Command {
	cmd := &cobra.Command{Use: string(c.kind), Short: short, Example: example}
	cmd.AddCommand(c.create(), c.list(), c.inspect(), c.update(), c.remove(), c.prune())
	return cmd
}

// upper is the kind as an argument is called.
func (c contentCommands) upper() string {
	if c.kind == cardplane.KindSecret {
		return "SECRET"
	}
	return "CONFIG"
}

func (c contentCommands) service(client *httpclient.Client) cardplane.ContentService {
	if c.kind == cardplane.KindSecret {
		return client.Secrets()
	}
	return client.Configs()
}

// api returns the API's form of content.
func (c contentCommands) api(of cardplane.Content) any {
	if c.kind == cardplane.KindSecret {
		return apimodel.SecretToAPI(of)
	}
	return apimodel.ConfigToAPI(of)
}

func (c contentCommands) create() *cobra.Command {
	var labels []string
	cmd := &cobra.Command{
		Use:     "create [flags] NAME FILE|-",
		Short:   fmt.Sprintf("Create a %s of a file, or of what stdin holds", c.kind),
		Example: fmt.Sprintf("  cardctl %s create -l tier=db %s ./file", c.kind, c.example),
		Args:    needArgs(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := c.read(args[1])
			if err != nil {
				return err
			}
			spec := cardplane.ContentSpec{Name: args[0], Data: data, Labels: labelMap(labels)}
			return c.withClient(func(client *httpclient.Client) error {
				made, err := once(cmd.Context(), c.App, func(key string) (cardplane.Content, error) {
					return c.service(client).Create(cmd.Context(), spec, key)
				})
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(c.Out, made.Name)
				return err
			})
		},
	}
	cmd.Flags().StringArrayVarP(&labels, "label", "l", nil, "set the label KEY or KEY=VALUE")
	return cmd
}

// read reads what a config or secret is to hold.
func (c contentCommands) read(path string) (cardplane.ContentData, error) {
	source := c.In
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }()
		source = file
	}
	data, err := io.ReadAll(io.LimitReader(source, cardplane.MaxContentBytes+1))
	if err == nil && len(data) > cardplane.MaxContentBytes {
		err = fmt.Errorf("%s has more than %d bytes, which is the most that a %s holds; use a volume for larger files", path, cardplane.MaxContentBytes, c.kind)
	}
	return data, err
}

func (c contentCommands) list() *cobra.Command {
	var f listFlags
	var filters *filterFlag
	cmd := &cobra.Command{
		Use:     "ls [flags]",
		Aliases: []string{"list"},
		Short:   fmt.Sprintf("List %ss", c.kind),
		Example: fmt.Sprintf("  cardctl %s ls --filter label=tier=db", c.kind),
		Args:    needArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			given, err := filters.values(cmd)
			if err := errors.Join(err, f.parse(cmd)); err != nil {
				return err
			}
			return c.withClient(func(client *httpclient.Client) error {
				all, err := c.service(client).List(cmd.Context(), cardplane.ContentFilter{Labels: given["label"], Names: given["name"]})
				if err != nil {
					return err
				}
				return c.print(all, f, time.Now())
			})
		},
	}
	f.register(cmd, ".ID .Name .Size .Version .Created .Updated and .Labels")
	filters = addFilterFlag(cmd, "label", "name")
	return cmd
}

// contentView is content as a template sees it.
type contentView struct {
	ID, Name, Size, Version, Created, Updated string
	Labels                                    map[string]string
}

func (c contentCommands) print(all []cardplane.Content, f listFlags, now time.Time) error {
	var rows []row
	for _, of := range all {
		v := contentView{
			ID: f.id(of.ID), Name: of.Name, Size: humanSize(of.SizeBytes), Version: strconv.FormatInt(of.Version, 10),
			Created: ago(of.CreatedAt, now), Updated: ago(of.UpdatedAt, now), Labels: of.Labels,
		}
		rows = append(rows, row{id: v.Name, cells: []string{v.Name, v.Size, v.Version, v.Created, v.Updated}, view: v, api: c.api(of)})
	}
	return f.print(c.Out, "NAME\tSIZE\tVERSION\tCREATED\tUPDATED", rows)
}

func (c contentCommands) inspect() *cobra.Command {
	var f objectFlags
	cmd := &cobra.Command{
		Use:     fmt.Sprintf("inspect %[1]s [%[1]s...]", c.upper()),
		Short:   fmt.Sprintf("Print %ss as JSON", c.kind),
		Example: fmt.Sprintf("  cardctl %s inspect %s", c.kind, c.example),
		Args:    needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.parse(cmd); err != nil {
				return err
			}
			return c.withClient(func(client *httpclient.Client) error {
				found := []any{}
				for _, name := range args {
					of, err := c.service(client).Get(cmd.Context(), name)
					if err != nil {
						return err
					}
					found = append(found, c.api(of))
				}
				return f.printAll(c.Out, found)
			})
		},
	}
	if c.kind == cardplane.KindConfig {
		cmd.Example += "\n  cardctl config inspect --format '{{.data}}' app.conf | base64 -d"
	}
	f.register(cmd, "json", "{{.version}}")
	return cmd
}

func (c contentCommands) update() *cobra.Command {
	var labels, unlabel []string
	cmd := &cobra.Command{
		Use:     fmt.Sprintf("update [flags] %s [FILE|-]", c.upper()),
		Short:   fmt.Sprintf("Give a %s new content or labels; containers that run get the content at once", c.kind),
		Example: fmt.Sprintf("  cardctl %s update %s ./new\n  cardctl %[1]s update -l tier=front --label-rm trial %[2]s", c.kind, c.example),
		Args:    needArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			update := cardplane.ContentUpdate{Labels: labelChanges(labels, unlabel)}
			if len(args) == 2 {
				var err error
				if update.Data, err = c.read(args[1]); err != nil {
					return err
				}
			}
			return c.withClient(func(client *httpclient.Client) error {
				updated, err := c.service(client).Update(cmd.Context(), args[0], update)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(c.Out, updated.Name)
				return err
			})
		},
	}
	cmd.Flags().StringArrayVarP(&labels, "label", "l", nil, "set the label KEY or KEY=VALUE")
	cmd.Flags().StringArrayVar(&unlabel, "label-rm", nil, "remove the label KEY")
	return cmd
}

func (c contentCommands) remove() *cobra.Command {
	return &cobra.Command{
		Use:     fmt.Sprintf("rm %[1]s [%[1]s...]", c.upper()),
		Aliases: []string{"remove"},
		Short:   fmt.Sprintf("Remove %ss", c.kind),
		Example: fmt.Sprintf("  cardctl %s rm %s", c.kind, c.example),
		Args:    needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withClient(func(client *httpclient.Client) error {
				return c.forEach(args, func(name string) error { return c.service(client).Remove(cmd.Context(), name) })
			})
		},
	}
}

func (c contentCommands) prune() *cobra.Command {
	things := string(c.kind) + "s"
	cmd := c.pruning(things, func() string { return "all " + things + " that no container names" },
		func(ctx context.Context, client *httpclient.Client, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
			return c.service(client).Prune(ctx, filter)
		})
	cmd.Short = fmt.Sprintf("Remove all %s that no container names", things)
	cmd.Example = fmt.Sprintf("  cardctl %s prune -f --filter label=stage=test", c.kind)
	return cmd
}
