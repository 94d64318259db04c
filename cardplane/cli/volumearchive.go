package cli

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane/httpclient"
)

func (a *App) volumeExportCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "export [flags] VOLUME",
		Short:   "Write all that is on a volume as a tar",
		Long:    "Write all that is on a volume as a tar. No container need run; none may write to the volume meanwhile.",
		Example: "  cardctl volume export -o data.tar data\n  cardctl volume export data | gzip > data.tar.gz",
		Args:    needArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, ok := terminal(a.Out); ok && output == "" {
				return errors.New("stdout is a terminal; name a file with --output, or pass the tar on by a pipe or >")
			}
			return a.withClient(func(client *httpclient.Client) error {
				return a.exportVolume(cmd.Context(), client, args[0], output)
			})
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write, which is there once it is whole")
	return cmd
}

func (a *App) exportVolume(ctx context.Context, client *httpclient.Client, name, path string) error {
	archive, err := client.Volumes().Export(ctx, name)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = archive.Close() })()
	defer func() { _ = archive.Close() }()
	if path == "" {
		_, err := io.Copy(a.Out, archive)
		return err
	}
	return writeWhole(path, archive)
}

func (a *App) volumeImportCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "import VOLUME [FILE|-]",
		Short:   "Unpack a tar on a volume",
		Long:    "Unpack a tar, from a file or from standard input, on a volume that no container uses meanwhile. What is there stays, but for files that the tar has as well.",
		Example: "  cardctl volume import data data.tar\n  gunzip < data.tar.gz | cardctl volume import data",
		Args:    needArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := a.In
			if len(args) == 2 && args[1] != "-" {
				f, err := os.Open(args[1])
				if err != nil {
					return err
				}
				defer func() { _ = f.Close() }()
				in = f
			}
			return a.withClient(func(client *httpclient.Client) error {
				return client.Volumes().Import(cmd.Context(), args[0], in)
			})
		},
	}
}
