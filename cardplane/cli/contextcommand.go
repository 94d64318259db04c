package cli

import (
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane/httpclient"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func (a *App) contextCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "context",
		Short: "Name control planes and choose between them",
		Long: `Name control planes and choose between them.

The control plane that a command goes to is the first of: --host, --context,
CARDPLANE_HOST, CARDPLANE_CONTEXT, what ` + "`cardctl context use`" + ` chose, and the
context "default", which is this machine's own. Contexts are kept in
cardplane/config.json in XDG_CONFIG_HOME, else in ~/.config.`,
		Example: `  cardctl context create lab tcp://127.0.0.1:7070
  cardctl context use lab
  cardctl --context default ps`,
	}
	cmd.AddCommand(a.contextCreateCommand(), a.contextUseCommand(), a.contextShowCommand(), a.contextListCommand(), a.contextRemoveCommand())
	return cmd
}

// contextNames are the names that a context may have.
var contextNames = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$`)

func (a *App) contextCreateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "create NAME ADDRESS",
		Short: "Name a control plane, or change its address",
		Example: `  cardctl context create lab tcp://127.0.0.1:7070
  cardctl context create prod 'https://card:7443?ca=/etc/cardplane/ca.crt&cert=/etc/cardplane/me.crt&key=/etc/cardplane/me.key'`,
		Args: needArgs(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, address := args[0], args[1]
			if !contextNames.MatchString(name) {
				return usageError(cmd, "%q cannot be a context's name; use letters, digits, _ . and -, 63 at most", name)
			}
			client, err := httpclient.New(address)
			if err != nil {
				return err
			}
			_ = client.Close()
			err = a.changeContexts(func(known *contexts) error {
				known.Named[name] = contextEntry{Host: address}
				return nil
			})
			return a.printName(name, err)
		},
	}
}

func (a *App) contextUseCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "use NAME",
		Short:   "Choose the control plane that commands go to from now on",
		Example: "  cardctl context use lab",
		Args:    needArgs(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			err := a.changeContexts(func(known *contexts) error {
				known.Current = args[0]
				_, err := known.host(args[0])
				return err
			})
			return a.printName(args[0], err)
		},
	}
}

func (a *App) contextShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show",
		Short:   "Print the name of the context in use",
		Example: "  cardctl context show",
		Args:    needArgs(0, 0),
		RunE: func(*cobra.Command, []string) error {
			known, err := a.contexts()
			return a.printName(a.contextName(known), err)
		},
	}
}

// contextView is a context as templates and JSON show it.
type contextView struct {
	Name    string `json:"name"`
	Host    string `json:"host"`
	Current bool   `json:"current"`
}

func (a *App) contextListCommand() *cobra.Command {
	var f listFlags
	cmd := &cobra.Command{
		Use:     "ls [flags]",
		Short:   "List contexts",
		Example: "  cardctl context ls",
		Args:    needArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.parse(cmd); err != nil {
				return err
			}
			known, err := a.contexts()
			if err != nil {
				return err
			}
			var rows []row
			for _, name := range known.names() {
				host, err := known.host(name)
				if err != nil {
					return err
				}
				view, mark := contextView{Name: name, Host: host, Current: name == a.contextName(known)}, ""
				if view.Current {
					mark = "*"
				}
				rows = append(rows, row{id: name, cells: []string{name, mark, host}, view: view, api: view})
			}
			return f.print(a.Out, "NAME\tCURRENT\tADDRESS", rows)
		},
	}
	f.register(cmd, ".Name .Host .Current")
	return cmd
}

func (a *App) contextRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "rm NAME [NAME...]",
		Short:   "Forget control planes",
		Example: "  cardctl context rm lab",
		Args:    needArgs(1, -1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.forEach(args, func(name string) error {
				return a.changeContexts(func(known *contexts) error {
					if _, ok := known.Named[name]; !ok {
						return noContext(name)
					}
					if known.Current == name {
						return apierr.New(apierr.FailedPrecondition, "context_in_use", "context %q is in use; choose another first: cardctl context use default", name)
					}
					delete(known.Named, name)
					return nil
				})
			})
		},
	}
}

// printName prints a context's name unless there is an error.
func (a *App) printName(name string, err error) error {
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.Out, name)
	return err
}
