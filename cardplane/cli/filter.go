package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// filterFlag is the repeatable flag --filter of a list.
type filterFlag struct {
	keys  []string
	texts []string
}

// addFilterFlag gives cmd a --filter that knows keys.
func addFilterFlag(cmd *cobra.Command, keys ...string) *filterFlag {
	f := &filterFlag{keys: keys}
	cmd.Flags().StringArrayVarP(&f.texts, "filter", "f", nil, "only those with "+f.usage()+f.hint())
	f.complete(cmd)
	return f
}

// complete makes the shell propose the keys.
func (f *filterFlag) complete(cmd *cobra.Command) {
	var words []string
	for _, key := range f.keys {
		words = append(words, key+"=")
	}
	// It fails for a flag that is not there only.
	_ = cmd.RegisterFlagCompletionFunc("filter", cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
}

func (f *filterFlag) hint() string {
	if !slices.Contains(f.keys, "name") {
		return ""
	}
	return `; "*" in a name stands for any characters`
}

func (f *filterFlag) usage() string {
	forms := map[string]string{"label": "label=KEY[=VALUE]", "name": "name=NAME", "state": "state=STATE", "sandbox": "sandbox=SANDBOX", "health": "health=HEALTH", "until": "until=TIME", "type": "type=TYPE", "container": "container=CONTAINER"}
	var out []string
	for _, key := range f.keys {
		out = append(out, forms[key])
	}
	return strings.Join(out, ", ")
}

// values returns what was given for each key.
func (f *filterFlag) values(cmd *cobra.Command) (map[string][]string, error) {
	out := make(map[string][]string)
	for _, text := range f.texts {
		key, value, ok := strings.Cut(text, "=")
		if key == "status" { // as docker has it
			key = "state"
		}
		if !ok || value == "" || !slices.Contains(f.keys, key) {
			return nil, usageError(cmd, "--filter %q is unknown; use %s", text, f.usage())
		}
		out[key] = append(out[key], value)
	}
	return out, nil
}
