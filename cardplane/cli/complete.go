package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/httpclient"
)

// completionTimeout bounds how long a shell waits for names.
const completionTimeout = 2 * time.Second

// completer proposes words that begin with last, for the argument after args.
// A word may have a description, after a tab.
type completer func(ctx context.Context, client *httpclient.Client, args []string, last string) ([]string, error)

// completers are what the arguments of commands are, by the command's path.
var completers = map[string]completer{
	"run":     first(images),
	"create":  first(images),
	"rmi":     images,
	"save":    images,
	"tag":     first(images),
	"untag":   images,
	"history": first(images),
	"inspect": either(containers(), images),
	"start":   containers(cardplane.Created, cardplane.Exited, cardplane.Failed),
	"stop":    containers(cardplane.Starting, cardplane.Running, cardplane.Paused, cardplane.Restarting),
	"kill":    containers(cardplane.Running, cardplane.Paused, cardplane.Stopping),
	"pause":   containers(cardplane.Running),
	"unpause": containers(cardplane.Paused),
	"exec":    first(containers(cardplane.Running)),
	"execs":   first(containers()),
	"attach":  first(containers(cardplane.Running, cardplane.Starting)),
	"top":     first(containers(cardplane.Running, cardplane.Paused)),
	"stats":   containers(cardplane.Running, cardplane.Paused),
	"cp":      filesOf(containers(cardplane.Running)),
	"logs":    first(containers()),
	"rename":  first(containers()),
	"restart": containers(),
	"update":  containers(),
	"wait":    containers(),
	"rm":      containers(),

	"port-forward": first(containers(cardplane.Running)),

	"volume attach":  inOrder(volumes, filesOf(containers())),
	"volume clone":   first(volumes),
	"volume detach":  inOrder(volumes, containers()),
	"volume export":  first(volumes),
	"volume import":  first(volumes),
	"volume inspect": volumes,
	"volume resize":  first(volumes),
	"volume rm":      volumes,

	"config inspect": contents((*httpclient.Client).Configs),
	"config update":  first(contents((*httpclient.Client).Configs)),
	"config rm":      contents((*httpclient.Client).Configs),
	"secret inspect": contents((*httpclient.Client).Secrets),
	"secret update":  first(contents((*httpclient.Client).Secrets)),
	"secret rm":      contents((*httpclient.Client).Secrets),

	"sandbox inspect":    sandboxes,
	"sandbox rm":         sandboxes,
	"network inspect":    networks,
	"network rm":         networks,
	"network connect":    inOrder(networks, containers()),
	"network disconnect": inOrder(networks, containers()),
	"port":               first(containers(cardplane.Running, cardplane.Paused)),
}

// flagCompleters are what flags take that name objects, by the flag's name.
var flagCompleters = map[string]completer{
	"config":  contents((*httpclient.Client).Configs),
	"exec":    execs,
	"sandbox": sandboxes,
	"secret":  contents((*httpclient.Client).Secrets),
	"volume":  volumesOfMounts,
}

// flagWords are the words that flags take, by the flag's name.
var flagWords = map[string][]string{
	"condition":   {string(cardplane.WaitNotRunning), string(cardplane.WaitNextExit), string(cardplane.WaitRemoved), string(cardplane.WaitHealthy)},
	"format":      {"table", "json"},
	"restart":     {"no", "on-failure", "always", "unless-stopped"},
	"signal":      {"SIGTERM", "SIGKILL", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"},
	"stop-signal": {"SIGTERM", "SIGKILL", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"},
}

// complete makes the shell propose the names of what there is.
func (a *App) complete(root *cobra.Command) {
	for path, words := range completers {
		if cmd, _, err := root.Find(strings.Fields(path)); err == nil {
			cmd.ValidArgsFunction = a.ask(words)
		}
	}
	for _, path := range [][]string{{"context", "use"}, {"context", "rm"}} {
		if cmd, _, err := root.Find(path); err == nil {
			cmd.ValidArgsFunction = a.completeContexts
		}
	}
	_ = root.RegisterFlagCompletionFunc("context", a.completeContexts)
	a.completeFlags(root)
}

// completeFlags does so for the flags of cmd and of the commands below it.
func (a *App) completeFlags(cmd *cobra.Command) {
	for name, words := range flagCompleters {
		if cmd.Flags().Lookup(name) != nil {
			_ = cmd.RegisterFlagCompletionFunc(name, a.ask(words))
		}
	}
	for name, words := range flagWords {
		if cmd.Flags().Lookup(name) != nil {
			_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	for _, sub := range cmd.Commands() {
		a.completeFlags(sub)
	}
}

func (a *App) completeContexts(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	known, err := a.contexts()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return known.names(), cobra.ShellCompDirectiveNoFileComp
}

// ask returns what asks the control plane for words.
func (a *App) ask(words completer) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, last string) (found []string, directive cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
		defer cancel()
		err := a.withClient(func(client *httpclient.Client) (err error) {
			found, err = words(ctx, client, args, last)
			return err
		})
		directive = cobra.ShellCompDirectiveNoFileComp
		switch {
		case err != nil:
			return nil, cobra.ShellCompDirectiveError
		case cmd.Name() == "cp" && len(found) == 0:
			directive = cobra.ShellCompDirectiveDefault
		case len(found) > 0 && goesOn(found[0]):
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		return found, directive
	}
}

// goesOn reports whether something follows a proposed word at once.
func goesOn(word string) bool {
	word, _, _ = strings.Cut(word, "\t")
	return strings.HasSuffix(word, ":")
}

// containers proposes containers in one of states, or in any if none is given:
// names, and ids where one was begun.
func containers(states ...cardplane.State) completer {
	return func(ctx context.Context, client *httpclient.Client, args []string, last string) ([]string, error) {
		list, err := client.Containers().List(ctx, cardplane.ContainerFilter{All: true, States: states})
		var out []string
		for _, c := range list {
			for _, word := range []string{c.Name, c.ID} {
				if proposes(word, word == c.ID, args, last) {
					out = append(out, word+"\t"+c.Spec.Image+", "+string(c.State))
				}
			}
		}
		return out, err
	}
}

// volumes proposes names of volumes.
func volumes(ctx context.Context, client *httpclient.Client, args []string, last string) ([]string, error) {
	list, err := client.Volumes().List(ctx, cardplane.VolumeFilter{})
	var out []string
	for _, v := range list {
		if proposes(v.Name, false, args, last) {
			out = append(out, v.Name)
		}
	}
	return out, err
}

// contents proposes names of configs or secrets.
func contents(service func(*httpclient.Client) cardplane.ContentService) completer {
	return func(ctx context.Context, client *httpclient.Client, args []string, last string) ([]string, error) {
		list, err := service(client).List(ctx, cardplane.ContentFilter{})
		var out []string
		for _, c := range list {
			if proposes(c.Name, false, args, last) {
				out = append(out, c.Name)
			}
		}
		return out, err
	}
}

// networks proposes names of networks.
func networks(ctx context.Context, client *httpclient.Client, args []string, last string) ([]string, error) {
	list, err := client.Networks().List(ctx, cardplane.NetworkFilter{})
	var out []string
	for _, n := range list {
		if proposes(n.Name, false, args, last) {
			out = append(out, n.Name)
		}
	}
	return out, err
}

// volumesOfMounts proposes volumes to mount.
func volumesOfMounts(ctx context.Context, client *httpclient.Client, _ []string, last string) ([]string, error) {
	out, err := volumes(ctx, client, nil, last)
	for i := range out {
		out[i] += ":"
	}
	return out, err
}

// sandboxes proposes names of sandboxes.
func sandboxes(ctx context.Context, client *httpclient.Client, args []string, last string) ([]string, error) {
	list, err := client.Sandboxes().List(ctx, cardplane.SandboxFilter{})
	var out []string
	for _, s := range list {
		if proposes(s.Name, false, args, last) {
			out = append(out, s.Name+"\t"+string(s.State))
		}
	}
	return out, err
}

// inOrder proposes for the first argument what one completer does, and for the
// second what another does.
func inOrder(one, two completer) completer {
	return func(ctx context.Context, client *httpclient.Client, args []string, last string) ([]string, error) {
		switch len(args) {
		case 0:
			return one(ctx, client, nil, last)
		case 1:
			return two(ctx, client, nil, last)
		}
		return nil, nil
	}
}

// execs proposes execs that run: in the container that is named, or in any.
func execs(ctx context.Context, client *httpclient.Client, args []string, last string) ([]string, error) {
	list, err := named(ctx, client.Containers(), args[:min(len(args), 1)])
	if err != nil {
		return nil, err
	}
	var out []string
	for _, c := range list {
		of, err := client.Containers().ListExecs(ctx, c.ID)
		if err != nil {
			return nil, err
		}
		for _, e := range of {
			if e.Running && strings.HasPrefix(e.ID, last) {
				out = append(out, e.ID+"\t"+c.Name+", "+strings.Join(e.Command, " "))
			}
		}
	}
	return out, nil
}

// images proposes images: names, and ids where one was begun.
func images(ctx context.Context, client *httpclient.Client, args []string, last string) ([]string, error) {
	list, err := client.Images().List(ctx, cardplane.ImageFilter{})
	var out []string
	for _, image := range list {
		_, digits, _ := strings.Cut(image.ID, ":")
		for _, name := range append(image.Names, digits) {
			if word := familiar(name); proposes(word, name == digits, args, last) {
				out = append(out, word)
			}
		}
	}
	return out, err
}

// proposes reports whether word can stand for last after args. An id needs a
// beginning.
func proposes(word string, isID bool, args []string, last string) bool {
	return strings.HasPrefix(word, last) && (!isID || last != "") && !slices.Contains(args, word)
}

// first proposes words for the first argument alone.
func first(words completer) completer {
	return func(ctx context.Context, client *httpclient.Client, args []string, last string) ([]string, error) {
		if len(args) > 0 {
			return nil, nil
		}
		return words(ctx, client, args, last)
	}
}

// either proposes the words of both.
func either(one, other completer) completer {
	return func(ctx context.Context, client *httpclient.Client, args []string, last string) ([]string, error) {
		out, err := one(ctx, client, args, last)
		if err != nil {
			return nil, err
		}
		more, err := other(ctx, client, args, last)
		return append(out, more...), err
	}
}

// filesOf proposes containers to name a file in.
func filesOf(words completer) completer {
	return func(ctx context.Context, client *httpclient.Client, args []string, last string) ([]string, error) {
		out, err := words(ctx, client, args, last)
		for i, word := range out {
			out[i] = strings.Replace(word, "\t", ":\t", 1)
		}
		return out, err
	}
}
