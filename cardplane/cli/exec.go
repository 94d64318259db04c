package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/cardplane/httpclient"
)

// execFlags are the flags of exec.
type execFlags struct {
	attachFlags
	env, envFiles    []string
	workdir, user    string
	interactive, tty bool
	detach           bool
}

func (a *App) execCommand() *cobra.Command {
	var f execFlags
	cmd := &cobra.Command{
		Use:   "exec [flags] CONTAINER COMMAND [ARG...]",
		Short: "Run a command in a running container",
		Example: `  cardctl exec -it web bash
  cardctl exec -u nobody -w /tmp web ls -l
  echo hello | cardctl exec -i web cat`,
		Args: needArgs(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.parse(); err != nil {
				return err
			}
			return a.withClient(func(client *httpclient.Client) error {
				return noProgram(a.exec(cmd.Context(), client.Containers(), args[0], args[1:], f), exitFailure)
			})
		},
	}
	f.register(cmd, false)
	flags := cmd.Flags()
	flags.SetInterspersed(false)
	flags.BoolVarP(&f.interactive, "interactive", "i", false, "send input to the command")
	flags.BoolVarP(&f.tty, "tty", "t", false, "give the command a terminal")
	flags.BoolVarP(&f.detach, "detach", "d", false, "print the exec's id and do not wait for its end; attach --exec joins it")
	flags.StringArrayVarP(&f.env, "env", "e", nil, "set KEY=VALUE, or KEY from cardctl's environment")
	flags.StringArrayVar(&f.envFiles, "env-file", nil, "set the variables of a file, a line KEY=VALUE or KEY for each")
	flags.StringVarP(&f.workdir, "workdir", "w", "", "working directory")
	flags.StringVarP(&f.user, "user", "u", "", "name, uid, name:group or uid:gid")
	return cmd
}

func (a *App) exec(ctx context.Context, containers cardplane.ContainerService, name string, command []string, f execFlags) error {
	spec := cardplane.ExecSpec{
		Command: command, Env: environment(f.env, a.Getenv), WorkingDir: f.workdir, User: f.user,
		TTY: f.tty, Stdin: f.interactive,
	}
	if err := readFiles(&spec.Env, f.envFiles, a.Getenv); err != nil {
		return fmt.Errorf("--env-file: %w", err)
	}
	if !f.detach {
		if err := a.checkTerminal(spec.Stdin, spec.TTY); err != nil {
			return err
		}
	}
	if spec.TTY {
		spec.TerminalSize = a.terminalSize()
	}
	e, err := once(ctx, a, func(key string) (cardplane.Exec, error) { return containers.Exec(ctx, name, spec, key) })
	if err != nil {
		return err
	}
	if f.detach {
		_, err := fmt.Fprintln(a.Out, e.ID)
		return err
	}
	session, err := containers.AttachExec(ctx, e.ContainerID, e.ID)
	if err != nil {
		return err
	}
	at := &attachment{app: a, session: session, stdin: spec.Stdin, tty: spec.TTY, detachKeys: f.keys, begun: closed()}
	return a.finish(ctx, at, name)
}

func (a *App) execsCommand() *cobra.Command {
	var f listFlags
	cmd := &cobra.Command{
		Use:   "execs [flags] CONTAINER",
		Short: "List what exec has started in a container",
		Example: `  cardctl execs web
  cardctl execs --format '{{.ID}} {{.Status}}' web`,
		Args: needArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.parse(cmd); err != nil {
				return err
			}
			return a.withClient(func(client *httpclient.Client) error {
				list, err := client.Containers().ListExecs(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return printExecs(a.Out, list, f, time.Now())
			})
		},
	}
	f.register(cmd, ".ID .Command .Started and .Status")
	return cmd
}

// execView is an exec as a template sees it.
type execView struct{ ID, Command, Started, Status string }

func printExecs(w io.Writer, list []cardplane.Exec, f listFlags, now time.Time) error {
	var rows []row
	for _, e := range list {
		v := execView{ID: e.ID, Command: strings.Join(e.Command, " "), Started: ago(e.StartedAt, now), Status: "Running"}
		if !f.full {
			v.Command = truncate(v.Command, commandWidth)
		}
		if !e.Running {
			v.Status = fmt.Sprintf("Exited (%d)", e.ExitCode)
		}
		cells := []string{v.ID, strconv.Quote(v.Command), v.Started, v.Status}
		rows = append(rows, row{id: v.ID, cells: cells, view: v, api: apimodel.ExecToAPI(e)})
	}
	return f.print(w, "EXEC ID\tCOMMAND\tSTARTED\tSTATUS", rows)
}

// attachToExec joins an exec from the first output that nobody has taken.
func (a *App) attachToExec(ctx context.Context, containers cardplane.ContainerService, name, id string, flags attachFlags, noStdin bool) error {
	e, err := containers.GetExec(ctx, name, id)
	if err != nil {
		return err
	}
	stdin := e.Stdin && e.Running && !noStdin
	if err := a.checkTerminal(stdin, e.TTY); err != nil {
		return err
	}
	session, err := containers.AttachExec(ctx, e.ContainerID, e.ID)
	if err != nil {
		return err
	}
	at := &attachment{app: a, session: session, stdin: stdin, tty: e.TTY, detachKeys: flags.keys, begun: closed()}
	return a.finish(ctx, at, name)
}
