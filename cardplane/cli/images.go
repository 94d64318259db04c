package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/httpclient"
)

func (a *App) imagesCommand() *cobra.Command {
	var quiet, full bool
	cmd := &cobra.Command{
		Use:   "images [flags]",
		Short: "List images",
		Args:  needArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(func(client *httpclient.Client) error {
				images, err := client.Images().List(cmd.Context())
				if err != nil {
					return err
				}
				return printImages(a.Out, images, quiet, full, time.Now())
			})
		},
	}
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print ids only")
	cmd.Flags().BoolVar(&full, "no-trunc", false, "print ids in full")
	return cmd
}

// printImages prints a row for every name of every image.
func printImages(w io.Writer, images []cardplane.Image, quiet, full bool, now time.Time) error {
	table := newTable(w)
	if !quiet {
		_, _ = fmt.Fprintln(table, "REPOSITORY\tTAG\tIMAGE ID\tCREATED\tSIZE")
	}
	for _, image := range images {
		id := image.ID
		if !full {
			id = shortID(id)
		}
		if quiet {
			_, _ = fmt.Fprintln(table, id)
			continue
		}
		names := image.Names
		if len(names) == 0 {
			names = []string{"<none>:<none>"}
		}
		for _, name := range names {
			repository, tag := splitName(name)
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", repository, tag, id, ago(image.Created, now), humanSize(image.Size))
		}
	}
	return table.Flush()
}

// splitName returns the repository, as short as docker shows it, and the tag
// of a full reference.
func splitName(name string) (repository, tag string) {
	at := strings.LastIndexByte(name, ':')
	if at < 0 || strings.Contains(name[at:], "/") {
		return familiar(name), "<none>"
	}
	return familiar(name[:at]), name[at+1:]
}

// familiar leaves out the parts of a repository that references add.
func familiar(repository string) string {
	if short, ok := strings.CutPrefix(repository, "docker.io/library/"); ok {
		return short
	}
	return strings.TrimPrefix(repository, "docker.io/")
}

func (a *App) loadCommand() *cobra.Command {
	var input string
	cmd := &cobra.Command{
		Use:   "load [-i FILE | FILE]",
		Short: "Load images from a docker-archive or an OCI layout tar",
		Long:  "Load images from a docker-archive or an OCI layout tar, optionally compressed with gzip or zstd. Without FILE, or with -, it is read from stdin.",
		Args:  needArgs(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if input != "" {
					return usageError(cmd, "give the file once, as an argument or with --input")
				}
				input = args[0]
			}
			return a.load(cmd.Context(), input)
		},
	}
	cmd.Flags().StringVarP(&input, "input", "i", "", "file to read")
	return cmd
}

func (a *App) load(ctx context.Context, path string) error {
	source := a.In
	if path != "" && path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		if info, err := file.Stat(); err == nil && info.IsDir() {
			return fmt.Errorf("%s is a directory; load a tar of it: tar -C %s -c . | cardctl load", path, path)
		}
		source = file
	} else if _, ok := terminal(a.In); ok {
		return fmt.Errorf("stdin is a terminal; name a file, or feed the archive in by a pipe or <")
	}
	return a.withClient(func(client *httpclient.Client) error {
		images, err := client.Images().Load(ctx, source)
		if err != nil {
			return err
		}
		for _, image := range images {
			names := image.Names
			if len(names) == 0 {
				names = []string{image.ID}
			}
			for _, name := range names {
				_, _ = fmt.Fprintln(a.Out, "Loaded image:", familiar(name))
			}
		}
		return nil
	})
}

func (a *App) pullCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "pull REFERENCE",
		Short: "Pull an image from a registry",
		Long:  "Pull an image from a registry. The card fetches it, with the credentials of the card's docker configuration.",
		Args:  needArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(func(client *httpclient.Client) error {
				image, err := client.Images().Pull(cmd.Context(), args[0], cardplane.PullOptions{})
				if err == nil {
					_, err = fmt.Fprintln(a.Out, image.ID)
				}
				return err
			})
		},
	}
}

func (a *App) rmiCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "rmi [flags] IMAGE [IMAGE...]",
		Short: "Remove names of images, and images with their last name",
		Args:  needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(func(client *httpclient.Client) error {
				var failed error
				for _, name := range args {
					removed, err := client.Images().Remove(cmd.Context(), name, cardplane.RemoveOptions{Force: force})
					if err != nil {
						a.printError(err)
						failed = &exitError{code: exitFailure}
						continue
					}
					for _, name := range removed.Untagged {
						_, _ = fmt.Fprintln(a.Out, "Untagged:", familiar(name))
					}
					for _, id := range removed.Deleted {
						_, _ = fmt.Fprintln(a.Out, "Deleted:", id)
					}
				}
				return failed
			})
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "given an id, remove the image with all its names")
	return cmd
}
