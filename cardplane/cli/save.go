package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/httpclient"
)

// archiveFormats are the formats by the names that podman has for them.
var archiveFormats = map[string]cardplane.ArchiveFormat{
	"docker-archive": cardplane.FormatDocker,
	"oci-archive":    cardplane.FormatOCI,
}

func (a *App) saveCommand() *cobra.Command {
	var output, format string
	cmd := &cobra.Command{
		Use:     "save [flags] IMAGE [IMAGE...]",
		Short:   "Save images as one tar, from which they can be loaded",
		Long:    "Save images as one tar, in the format of docker save or as an OCI layout. An image that is given by a name is saved with that name, one by id without.",
		Example: "  cardctl save -o app.tar app:v1 app:v2\n  cardctl save --format oci-archive app:v1 | gzip > app.tar.gz",
		Args:    needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			chosen, ok := archiveFormats[format]
			if !ok {
				return usageError(cmd, "--format %q is unknown; use docker-archive or oci-archive", format)
			}
			if _, ok := terminal(a.Out); ok && output == "" {
				return errors.New("stdout is a terminal; name a file with --output, or pass the archive on by a pipe or >")
			}
			return a.withClient(func(client *httpclient.Client) error {
				return a.save(cmd.Context(), client, cardplane.SaveOptions{Images: args, Format: chosen}, output)
			})
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write, which is there once it is whole")
	cmd.Flags().StringVar(&format, "format", "docker-archive", "docker-archive or oci-archive")
	return cmd
}

func (a *App) save(ctx context.Context, client *httpclient.Client, opts cardplane.SaveOptions, path string) error {
	archive, err := client.Images().Save(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { _ = archive.Close() }()
	if path == "" {
		_, err := io.Copy(a.Out, archive)
		return err
	}
	return writeWhole(path, archive)
}

// writeWhole makes a file with what r has, or none.
func writeWhole(path string, r io.Reader) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err := errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

func (a *App) tagCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "tag IMAGE NAME [NAME...]",
		Short:   "Give an image more names",
		Example: "  cardctl tag app:v1 registry.example.com/app:v1",
		Args:    needArgs(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(func(client *httpclient.Client) error {
				for _, name := range args[1:] {
					if _, err := client.Images().Tag(cmd.Context(), args[0], name); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

func (a *App) untagCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "untag IMAGE [NAME...]",
		Short:   "Take names from an image, which stays; all of them unless some are given",
		Example: "  cardctl untag app app:old",
		Args:    needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(func(client *httpclient.Client) error {
				image, err := client.Images().Get(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				names := args[1:]
				if len(names) == 0 {
					names = image.Names
				}
				for _, name := range names {
					if _, err := client.Images().Untag(cmd.Context(), image.ID, name); err != nil {
						return err
					}
					_, _ = fmt.Fprintln(a.Out, "Untagged:", familiar(name))
				}
				return nil
			})
		},
	}
}
