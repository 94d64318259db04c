package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/httpclient"
)

// pullFlags are the flags of pull.
type pullFlags struct {
	quiet         bool
	username      string
	passwordStdin bool
	tokenStdin    bool
}

func (a *App) pullCommand() *cobra.Command {
	var f pullFlags
	cmd := &cobra.Command{
		Use:   "pull [flags] REFERENCE",
		Short: "Pull an image from a registry",
		Long: "Pull an image from a registry. The card fetches it, with the credentials of the card's docker configuration unless others are given, and prints its id.\n\n" +
			"Plain HTTP is used for registries on the card itself alone (localhost, 127.0.0.0/8, ::1). A pull that was cut off goes on where it was.",
		Example: "  cardctl pull debian:12\n" +
			"  cardctl pull registry.example.com/app@sha256:9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0\n" +
			"  cardctl pull --username joe --password-stdin registry.example.com/app:v1 < password",
		Args: needArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			credentials, err := a.credentials(cmd, f)
			if err != nil {
				return err
			}
			return a.withClient(func(client *httpclient.Client) error {
				opts := cardplane.PullOptions{Credentials: credentials}
				view := a.newProgressView()
				if !f.quiet {
					opts.Progress = view.show
				}
				image, err := client.Images().Pull(cmd.Context(), args[0], opts)
				view.close()
				if err == nil {
					_, err = fmt.Fprintln(a.Out, image.ID)
				}
				return err
			})
		},
	}
	cmd.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "print no progress")
	cmd.Flags().StringVarP(&f.username, "username", "u", "", "user name for the registry, with --password-stdin")
	cmd.Flags().BoolVar(&f.passwordStdin, "password-stdin", false, "read the password from stdin")
	cmd.Flags().BoolVar(&f.tokenStdin, "identity-token-stdin", false, "read an identity token from stdin")
	return cmd
}

// maxSecret bounds what is read of a password or token.
const maxSecret = 64 << 10

// credentials returns those that the flags give, nil if there are none.
func (a *App) credentials(cmd *cobra.Command, f pullFlags) (*cardplane.RegistryCredentials, error) {
	switch {
	case f.passwordStdin && f.tokenStdin, f.passwordStdin != (f.username != ""):
		return nil, usageError(cmd, "give --username with --password-stdin, or --identity-token-stdin alone")
	case !f.passwordStdin && !f.tokenStdin:
		return nil, nil
	}
	raw, err := io.ReadAll(io.LimitReader(a.In, maxSecret))
	if err != nil {
		return nil, err
	}
	secret := strings.TrimRight(string(raw), "\r\n")
	if secret == "" {
		return nil, fmt.Errorf("stdin holds no password and no token; feed it in by a pipe or <")
	}
	if f.tokenStdin {
		return &cardplane.RegistryCredentials{IdentityToken: secret}, nil
	}
	return &cardplane.RegistryCredentials{Username: f.username, Password: secret}, nil
}
