package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/httpclient"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// maxFollowed bounds the symbolic links that are followed one after another.
const maxFollowed = 16

// cpFlags are the flags of cp.
type cpFlags struct{ archive, follow bool }

func (a *App) cpCommand() *cobra.Command {
	var f cpFlags
	cmd := &cobra.Command{
		Use:   "cp [flags] CONTAINER:SOURCE TARGET|-\n  cardctl cp [flags] SOURCE|- CONTAINER:TARGET",
		Short: "Copy files from or to a running container",
		Long: `Copy files from or to a running container.

A directory is copied into a target directory that exists, and becomes one that
does not; of a source that ends in /. only the inside is copied. With - a tar is
written to standard output, or read from standard input and unpacked as it is.

Without -a what arrives in the container belongs to root, and what comes from it
to whoever calls cardctl, without set-id bits. Devices, sockets and named pipes
are not copied to this machine.`,
		Example: `  cardctl cp web:/var/log/nginx .
  cardctl cp -a ./site/. web:/srv/www
  cardctl cp web:/etc - | tar -t`,
		Args: needArgs(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			from, source, out := splitPath(args[0])
			to, target, in := splitPath(args[1])
			if in == out {
				return usageError(cmd, "one of source and target must be CONTAINER:PATH, and the other one not")
			}
			return a.withClient(func(client *httpclient.Client) error {
				if out {
					return a.copyOut(cmd.Context(), remotePath{client.Containers(), from, source}, target, f)
				}
				return a.copyIn(cmd.Context(), source, remotePath{client.Containers(), to, target}, f)
			})
		},
	}
	cmd.Flags().BoolVarP(&f.archive, "archive", "a", false, "keep owners, and set-id bits")
	cmd.Flags().BoolVarP(&f.follow, "follow-link", "L", false, "copy what a symbolic link leads to where the source is one")
	return cmd
}

// splitPath splits CONTAINER:PATH. What begins with . or / is a path here.
func splitPath(arg string) (container, file string, ok bool) {
	container, file, ok = strings.Cut(arg, ":")
	if !ok || container == "" || strings.ContainsAny(container, "./") && (container[0] == '.' || strings.Contains(container, "/")) {
		return "", arg, false
	}
	if !strings.HasPrefix(file, "/") {
		file = "/" + file
	}
	return container, file, true
}

// isInside reports whether a path means what is in a directory.
func isInside(file string) bool {
	return strings.HasSuffix(file, "/.") || file == "." || path.Clean(file) == "/"
}

// remotePath is a path in a container.
type remotePath struct {
	containers cardplane.ContainerService
	ref, path  string
}

func (r remotePath) stat(ctx context.Context) (cardplane.PathStat, error) {
	return r.containers.StatPath(ctx, r.ref, r.path)
}

// follow returns where a path leads that may be a symbolic link.
func (r remotePath) follow(ctx context.Context) (remotePath, error) {
	for range maxFollowed {
		stat, err := r.stat(ctx)
		if err != nil || stat.Type != cardplane.PathSymlink {
			return r, err
		}
		if path.IsAbs(stat.LinkTarget) {
			r.path = stat.LinkTarget
		} else {
			r.path = path.Join(path.Dir(path.Clean(r.path)), stat.LinkTarget)
		}
	}
	return r, fmt.Errorf("%s:%s: more than %d symbolic links", r.ref, r.path, maxFollowed)
}

// send writes a tar to a directory of a container while write makes it.
func (r remotePath) send(ctx context.Context, write func(io.Writer) error) error {
	read, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := write(w)
		_ = w.CloseWithError(err)
		written <- err
	}()
	err := r.containers.CopyTo(ctx, r.ref, r.path, read)
	_ = read.CloseWithError(io.ErrClosedPipe) // for a tar that was refused
	// What cannot be read here is why the other side was cut off.
	if here := <-written; here != nil && !errors.Is(here, io.ErrClosedPipe) {
		return here
	}
	return err
}

// copyIn copies from this machine to a container.
func (a *App) copyIn(ctx context.Context, source string, target remotePath, f cpFlags) error {
	if source == "-" {
		return target.containers.CopyTo(ctx, target.ref, target.path, a.In)
	}
	local, err := openLocal(source, f)
	if err != nil {
		return err
	}
	defer local.close()
	name := local.name
	stat, err := target.stat(ctx)
	switch {
	case err == nil && stat.Type == cardplane.PathSymlink && !stat.IsDirectory:
		if target, err = target.follow(ctx); apierr.Is(err, "path_not_found") {
			err = nil // it is made where the link leads
		}
	case apierr.Is(err, "path_not_found"):
		err = nil
		if strings.HasSuffix(target.path, "/") && !local.isDirectory {
			err = fmt.Errorf("there is no directory %s in container %s", target.path, target.ref)
		}
	}
	if err != nil {
		return err
	}
	if !stat.IsDirectory {
		if stat.Name != "" && local.isDirectory {
			return fmt.Errorf("%s is a directory and %s:%s is none", source, target.ref, target.path)
		}
		name = path.Base(target.path)
		target.path = path.Dir(path.Clean(target.path))
	}
	return target.send(ctx, func(w io.Writer) error { return local.write(w, name) })
}

// copyOut copies from a container to this machine.
func (a *App) copyOut(ctx context.Context, source remotePath, target string, f cpFlags) (err error) {
	if f.follow {
		if source, err = source.follow(ctx); err != nil {
			return err
		}
	}
	if target == "-" {
		return a.copyToStdout(ctx, source)
	}
	stat, err := source.stat(ctx)
	if err != nil {
		return err
	}
	// A tar of the inside names nothing that is not beneath its directory.
	directory := stat.Type == cardplane.PathDirectory || isInside(source.path)
	place, err := a.openPlace(target, path.Base(path.Clean(source.path)), directory, isInside(source.path), f)
	if err != nil {
		return err
	}
	defer place.close()
	if directory {
		source.path = strings.TrimSuffix(source.path, "/.") + "/."
	}
	archive, err := source.containers.CopyFrom(ctx, source.ref, source.path)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = archive.Close() })
	defer stop()
	defer func() { _ = archive.Close() }()
	return place.extract(archive)
}

func (a *App) copyToStdout(ctx context.Context, source remotePath) error {
	if _, ok := terminal(a.Out); ok {
		return errors.New("a tar is not written to a terminal; send it to a file or to another program")
	}
	archive, err := source.containers.CopyFrom(ctx, source.ref, source.path)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = archive.Close() })
	defer stop()
	defer func() { _ = archive.Close() }()
	_, err = io.Copy(a.Out, archive)
	return err
}
