package cli

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cardplane/cardplane/cardplane"
)

// contentFlags are the flags that give a container configs and secrets.
type contentFlags struct{ configs, secrets []string }

func (f *contentFlags) register(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.configs, "config", nil, "have a config as a file, NAME[,target=PATH][,mode=0444][,uid=UID][,gid=GID]; /NAME without a target")
	flags.StringArrayVar(&f.secrets, "secret", nil, "have a secret as a file, NAME[,target=PATH][,mode=0400][,uid=UID][,gid=GID]; /run/secrets/NAME without a target")
}

// apply puts what the flags ask for into spec.
func (f *contentFlags) apply(spec *cardplane.ContainerSpec) (err error) {
	if spec.Configs, err = contentMounts("config", "/", f.configs); err != nil {
		return err
	}
	spec.Secrets, err = contentMounts("secret", cardplane.SecretsDir, f.secrets)
	return err
}

// contentMounts reads values of a flag. A target that is not absolute is in dir.
func contentMounts(flag, dir string, texts []string) ([]cardplane.ContentMount, error) {
	var out []cardplane.ContentMount
	for _, text := range texts {
		m, err := parseContent(dir, text)
		if err != nil {
			return nil, fmt.Errorf("--%s: %q: %w", flag, text, err)
		}
		out = append(out, m)
	}
	return out, nil
}

// parseContent reads NAME[,KEY=VALUE...] or, as docker has it,
// source=NAME[,KEY=VALUE...].
func parseContent(dir, text string) (cardplane.ContentMount, error) {
	var m cardplane.ContentMount
	for i, field := range strings.Split(text, ",") {
		key, value, given := strings.Cut(field, "=")
		if i == 0 && !given {
			key, value = "source", field
		}
		if err := setContent(&m, dir, key, value); err != nil {
			return m, err
		}
	}
	if m.Name == "" {
		return m, fmt.Errorf("it lacks a name; give NAME[,target=PATH]")
	}
	return m, nil
}

func setContent(m *cardplane.ContentMount, dir, key, value string) (err error) {
	switch key {
	case "source", "src":
		m.Name = value
	case "target", "destination", "dst":
		if m.Path = value; value != "" && !path.IsAbs(value) {
			m.Path = path.Join(dir, value)
		}
	case "mode":
		m.Mode = value
	case "uid":
		m.UID, err = parseOwner(key, value)
	case "gid":
		m.GID, err = parseOwner(key, value)
	case "type":
		if value != "mount" {
			return fmt.Errorf("the type %q is not possible, since the environment of a program is shown to everybody; leave it out and read the file", value)
		}
	default:
		return fmt.Errorf("the option %q is unknown; use source, target, mode, uid and gid", key)
	}
	return err
}

func parseOwner(key, value string) (*uint32, error) {
	n, err := strconv.ParseUint(value, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("%s=%s is no number of a user or group", key, value)
	}
	id := uint32(n)
	return &id, nil
}
