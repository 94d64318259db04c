package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/cardplane/httpclient"
)

func (a *App) imagesCommand() *cobra.Command {
	var f listFlags
	var filters *filterFlag
	var digests bool
	cmd := &cobra.Command{
		Use:   "images [flags]",
		Short: "List images",
		Example: `  cardctl images
  cardctl images -q
  cardctl images --digests
  cardctl images --format '{{.Repository}}:{{.Tag}} {{.Size}}'`,
		Args: needArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			given, err := filters.values(cmd)
			if err := errors.Join(err, f.parse(cmd)); err != nil {
				return err
			}
			filter := cardplane.ImageFilter{Labels: given["label"], Names: given["name"]}
			return a.withClient(func(client *httpclient.Client) error {
				images, err := client.Images().List(cmd.Context(), filter)
				if err != nil {
					return err
				}
				return printImages(a.Out, images, f, digests, time.Now())
			})
		},
	}
	cmd.Flags().BoolVar(&digests, "digests", false, "also show the digests that images were pulled by")
	f.register(cmd, ".Repository .Tag .Digest .ID .Created and .Size")
	filters = addFilterFlag(cmd, "label", "name")
	return cmd
}

// imageView is a name of an image as a template sees it.
type imageView struct{ Repository, Tag, Digest, ID, Created, Size string }

// printImages prints a row for every name of every image.
func printImages(w io.Writer, images []cardplane.Image, f listFlags, digests bool, now time.Time) error {
	head := "REPOSITORY\tTAG\tIMAGE ID\tCREATED\tSIZE"
	if digests {
		head = "REPOSITORY\tTAG\tDIGEST\tIMAGE ID\tCREATED\tSIZE"
	}
	var rows []row
	for _, image := range images {
		names := image.Names
		if len(names) == 0 {
			names = []string{"<none>:<none>"}
		}
		for i, name := range names {
			v := imageView{ID: f.id(image.ID), Created: ago(image.Created, now), Size: humanSize(image.Size)}
			v.Repository, v.Tag = splitName(name)
			v.Digest = digestFor(v.Repository, image.RepoDigests)
			cells := []string{v.Repository, v.Tag, v.ID, v.Created, v.Size}
			if digests {
				cells = slices.Insert(cells, 2, v.Digest)
			}
			rows = append(rows, row{id: v.ID, cells: cells, view: v, api: apimodel.ImageToAPI(image), again: i > 0})
		}
	}
	return f.print(w, head, rows)
}

// digestFor returns the digest by which an image was pulled from a repository.
func digestFor(repository string, repoDigests []string) string {
	for _, reference := range repoDigests {
		if from, digest, ok := strings.Cut(reference, "@"); ok && familiar(from) == repository {
			return digest
		}
	}
	return "<none>"
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
	var quiet bool
	cmd := &cobra.Command{
		Use:   "load [-i FILE | FILE]",
		Short: "Load images from a docker-archive or an OCI layout tar",
		Long:  "Load images from a docker-archive or an OCI layout tar, optionally compressed with gzip or zstd. Without FILE, or with -, it is read from stdin.",
		Example: `  cardctl load image.tar
  docker save app | cardctl load`,
		Args: needArgs(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if input != "" {
					return usageError(cmd, "give the file once, as an argument or with --input")
				}
				input = args[0]
			}
			return a.load(cmd.Context(), input, quiet)
		},
	}
	cmd.Flags().StringVarP(&input, "input", "i", "", "file to read")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print no progress")
	return cmd
}

func (a *App) load(ctx context.Context, path string, quiet bool) error {
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
		images, err := a.loadFrom(ctx, client, source, quiet)
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

func (a *App) loadFrom(ctx context.Context, client *httpclient.Client, source io.Reader, quiet bool) ([]cardplane.Image, error) {
	if quiet {
		return client.Images().Load(ctx, source, cardplane.LoadOptions{})
	}
	view := a.newProgressView()
	defer view.close()
	if file, ok := source.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			source = view.upload(file, info.Name(), info.Size())
		}
	}
	return client.Images().Load(ctx, source, cardplane.LoadOptions{Progress: view.show})
}

func (a *App) rmiCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "rmi [flags] IMAGE [IMAGE...]",
		Short: "Remove names of images, and images with their last name",
		Example: `  cardctl rmi app:v1
  cardctl rmi -f 0123456789ab`,
		Args: needArgs(1, -1),
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
