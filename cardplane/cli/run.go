package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/httpclient"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// cleanupTimeout bounds the removal of a container that did not start.
const cleanupTimeout = 30 * time.Second

// attachFlags are the flags of commands that attach.
type attachFlags struct {
	detachKeys string
	sigProxy   bool
	keys       []byte
}

func (f *attachFlags) register(cmd *cobra.Command, proxy bool) {
	cmd.Flags().StringVar(&f.detachKeys, "detach-keys", defaultDetachKeys, "keys that leave a terminal session")
	if proxy {
		cmd.Flags().BoolVar(&f.sigProxy, "sig-proxy", true, "pass signals on to the program")
	}
}

func (f *attachFlags) parse() error {
	var err error
	if f.keys, err = parseDetachKeys(f.detachKeys); err != nil {
		return fmt.Errorf("--detach-keys: %w", err)
	}
	return nil
}

func (a *App) runCommand() *cobra.Command {
	var create createFlags
	var attach attachFlags
	var detach bool
	cmd := &cobra.Command{
		Use:   "run [flags] IMAGE [COMMAND] [ARG...]",
		Short: "Create and start a container",
		Example: `  cardctl run --rm demo/python python3 -c 'print(2**100)'
  cardctl run -d --name web -m 512m --cpus 2 demo/services nginx -g 'daemon off;'
  cardctl run --rm -it demo/python bash`,
		Args: needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			spec, err := create.spec(args, a.Getenv)
			if err != nil {
				return err
			}
			if err := attach.parse(); err != nil {
				return err
			}
			if detach {
				return a.withClient(func(client *httpclient.Client) error { return a.runDetached(cmd.Context(), client.Containers(), spec) })
			}
			if err := a.checkTerminal(spec.Stdin, spec.TTY); err != nil {
				return err
			}
			if spec.TTY {
				spec.TerminalSize = a.terminalSize()
			}
			return a.withClient(func(client *httpclient.Client) error {
				return a.runAttached(cmd.Context(), client.Containers(), spec, attach)
			})
		},
	}
	create.register(cmd.Flags())
	attach.register(cmd, true)
	cmd.Flags().BoolVarP(&detach, "detach", "d", false, "print the container's id and do not wait for its end")
	return cmd
}

func (a *App) createCommand() *cobra.Command {
	var create createFlags
	cmd := &cobra.Command{
		Use:     "create [flags] IMAGE [COMMAND] [ARG...]",
		Short:   "Create a container without starting it",
		Example: "  cardctl create --name job demo/python python3 -c 'print(2**100)'",
		Args:    needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			spec, err := create.spec(args, a.Getenv)
			if err != nil {
				return err
			}
			return a.withClient(func(client *httpclient.Client) error {
				c, err := a.create(cmd.Context(), client.Containers(), spec)
				if err == nil {
					_, err = fmt.Fprintln(a.Out, c.ID)
				}
				return err
			})
		},
	}
	create.register(cmd.Flags())
	return cmd
}

// create creates a container, once.
func (a *App) create(ctx context.Context, containers cardplane.ContainerService, spec cardplane.ContainerSpec) (cardplane.Container, error) {
	return once(ctx, a, func(key string) (cardplane.Container, error) { return containers.Create(ctx, spec, key) })
}

func (a *App) runDetached(ctx context.Context, containers cardplane.ContainerService, spec cardplane.ContainerSpec) error {
	c, err := a.create(ctx, containers, spec)
	if err != nil {
		return err
	}
	if _, err := containers.Start(ctx, c.ID); err != nil {
		discard(ctx, containers, c)
		return noProgram(err, exitOurs)
	}
	_, err = fmt.Fprintln(a.Out, c.ID)
	return err
}

// runAttached creates, attaches, and only then starts, so that no output is
// missed.
func (a *App) runAttached(ctx context.Context, containers cardplane.ContainerService, spec cardplane.ContainerSpec, flags attachFlags) error {
	c, err := a.create(ctx, containers, spec)
	if err != nil {
		return err
	}
	s := &starting{app: a, containers: containers, container: c, flags: flags, stdin: spec.Stdin, first: true}
	code, err := s.run(ctx)
	if err != nil && s.startErr != nil && !isAway(s.startErr) {
		discard(ctx, containers, c)
	}
	if errors.Is(err, errDetached) {
		return a.detached()
	}
	if err != nil {
		return noProgram(err, exitOurs)
	}
	return exited(code)
}

// discard removes a container that could not be started, if it was to be
// removed anyway.
func discard(ctx context.Context, containers cardplane.ContainerService, c cardplane.Container) {
	if !c.Spec.AutoRemove {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	// The control plane may have removed it first.
	_ = containers.Remove(ctx, c.ID, true, "")
}

// detached tells that the user has left a session that goes on.
func (a *App) detached() error {
	_, err := fmt.Fprintf(a.Err, "\n%v\n", errDetached)
	return err
}

// starting is a container that is started with the user attached to it.
type starting struct {
	app        *App
	containers cardplane.ContainerService
	container  cardplane.Container
	flags      attachFlags
	stdin      bool
	first      bool // whether it is the container's first run
	startErr   error
}

// run attaches, starts, and returns the program's exit code.
func (s *starting) run(ctx context.Context) (int, error) {
	session, err := s.containers.Attach(ctx, s.container.ID, cardplane.AttachOptions{Stdin: s.stdin, Replay: true})
	if err != nil {
		s.startErr = err
		return 0, err
	}
	begun := make(chan struct{})
	at := &attachment{
		app: s.app, session: session, stdin: s.stdin, tty: s.container.Spec.TTY, detachKeys: s.flags.keys,
		forward: s.app.forwarder(s.containers, s.container.ID, s.flags.sigProxy), begun: begun,
	}
	attached, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var start sync.WaitGroup
	start.Go(func() {
		// The start goes on in the control plane when this call is given up.
		if _, err := s.containers.Start(attached, s.container.ID); err != nil {
			if attached.Err() == nil {
				s.startErr = err
				cancel(err)
			}
			return
		}
		close(begun)
	})
	code, err := at.run(attached)
	cancel(nil)
	start.Wait()
	switch {
	case err == nil:
		s.settle(ctx)
		return code, nil
	case errors.Is(err, errDetached):
		return code, err
	case s.startErr != nil && !isAway(s.startErr):
		return 0, s.startErr
	case isAway(err) && s.first && !s.stdin:
		return s.resume(ctx, at.received, err)
	case !isAway(err):
		s.settleEnded(ctx)
	}
	return 0, keepsRunning(err, s.container.Name)
}

// settleEnded settles a container whose failure the session was told first.
func (s *starting) settleEnded(ctx context.Context) {
	if c, err := s.containers.Get(ctx, s.container.ID); err == nil && c.State.Ended() {
		s.settle(ctx)
	}
}

// settle waits until the control plane shows what the user has just seen: the
// container has ended, and is gone if it was to remove itself. The exit code
// is known already, so an error changes nothing.
func (s *starting) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, cleanupTimeout)
	defer cancel()
	_, _ = s.containers.Wait(ctx, s.container.ID, cardplane.WaitNotRunning)
}

// resume reads on in the journal where the connection left off that was lost.
func (s *starting) resume(ctx context.Context, received map[cardplane.Stream]int64, lost error) (int, error) {
	if err := s.awaitControlPlane(ctx, lost); err != nil {
		return 0, s.unknownEnd(err)
	}
	follower := &logFollower{
		app: s.app, containers: s.containers, ref: s.container.ID, reached: true,
		opts:  cardplane.LogOptions{Follow: true, Stdout: true, Stderr: true, Tail: -1},
		seen:  map[cardplane.Stream]int64{cardplane.Stdout: received[cardplane.Stdout], cardplane.Stderr: received[cardplane.Stderr]},
		write: func(r cardplane.LogRecord) error { return s.app.writeOutput(r.Stream, r.Data) },
	}
	if err := follower.run(ctx); err != nil {
		return 0, s.unknownEnd(err)
	}
	c, err := s.containers.Wait(ctx, s.container.ID, cardplane.WaitNotRunning)
	switch {
	case err != nil:
		return 0, s.unknownEnd(err)
	case c.Error != nil:
		return 0, c.Error
	}
	return c.ExitCode, nil
}

// awaitControlPlane waits until the control plane is back. A container that is
// still only created was never started: the request was lost.
func (s *starting) awaitControlPlane(ctx context.Context, lost error) error {
	return s.app.persist(ctx, true, func(func()) error {
		c, err := s.containers.Get(ctx, s.container.ID)
		if err == nil && c.State == cardplane.Created {
			return apierr.New(apierr.Unavailable, "start_lost", "%w before container %s was started; start it with `cardctl start -a %s`", lost, c.Name, c.Name)
		}
		return err
	})
}

// unknownEnd explains why a container that removes itself has no exit code to
// show after a reconnection.
func (s *starting) unknownEnd(err error) error {
	if !apierr.Is(err, "container_not_found") {
		return err
	}
	return apierr.New(apierr.NotFound, "exit_code_unknown", "container %s ended and was removed while the control plane was away; its exit code is in `cardctl events --since 0 --no-follow`", s.container.Name)
}

// keepsRunning adds to the loss of a connection what the user can do.
func keepsRunning(err error, name string) error {
	if !isAway(err) {
		return err
	}
	return apierr.New(apierr.Unavailable, "connection_lost", "%w; the program goes on, attach to it again with `cardctl attach %s`", err, name)
}

// forwarder returns how to pass signals on to a container's program, or nil.
func (a *App) forwarder(containers cardplane.ContainerService, id string, proxy bool) func(context.Context, string) error {
	if !proxy {
		return nil
	}
	return func(ctx context.Context, signal string) error {
		err := containers.Kill(ctx, id, signal)
		if apierr.Is(err, "container_not_running") || apierr.Is(err, "container_not_found") {
			// It has just ended; the attachment ends too.
			return nil
		}
		return err
	}
}
