package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/cardplane/cardplane/cardplane/httpclient"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// DefaultHost is where cardplaned listens unless told otherwise.
const DefaultHost = "unix:///run/cardplane/cardplane.sock"

// defaultContext is the context that always exists: this machine's own
// control plane.
const defaultContext = "default"

// contexts are named control planes, as the configuration file has them.
type contexts struct {
	// Current is the one to use; empty means the default.
	Current string                  `json:"current,omitempty"`
	Named   map[string]contextEntry `json:"contexts"`
}

// contextEntry is how one control plane is reached.
type contextEntry struct {
	Host string `json:"host"`
}

// address returns the address of the control plane to command. What is named
// on the command line comes before the environment, and that before the
// configuration file; an address comes before a context.
func (a *App) address() (string, error) {
	if a.host != "" && a.context != "" {
		return "", errors.New("--host and --context name two control planes; give one of them")
	}
	if a.host != "" {
		return a.host, nil
	}
	if host := a.Getenv("CARDPLANE_HOST"); a.context == "" && host != "" {
		return host, nil
	}
	known, err := a.contexts()
	if err != nil {
		return "", err
	}
	return known.host(a.contextName(known))
}

// contextName returns the context in use.
func (a *App) contextName(known contexts) string {
	for _, name := range []string{a.context, a.Getenv("CARDPLANE_CONTEXT"), known.Current} {
		if name != "" {
			return name
		}
	}
	return defaultContext
}

// host returns the address that a context stands for.
func (c contexts) host(name string) (string, error) {
	if found, ok := c.Named[name]; ok {
		return found.Host, nil
	}
	if name == defaultContext {
		return DefaultHost, nil
	}
	return "", noContext(name)
}

func noContext(name string) error {
	return apierr.New(apierr.NotFound, "context_not_found", "there is no context %q; `cardctl context ls` lists them", name)
}

// names returns all contexts in order.
func (c contexts) names() []string {
	all := maps.Clone(c.Named)
	all[defaultContext] = contextEntry{}
	return slices.Sorted(maps.Keys(all))
}

// contextsFile returns the path of the configuration file.
func (a *App) contextsFile() (string, error) {
	dir := a.Getenv("XDG_CONFIG_HOME")
	if dir == "" {
		home := a.Getenv("HOME")
		if home == "" {
			return "", errors.New("there is no home directory for the configuration file; set HOME or XDG_CONFIG_HOME")
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "cardplane", "config.json"), nil
}

// contexts reads the configuration file, which need not be there.
func (a *App) contexts() (contexts, error) {
	known := contexts{Named: map[string]contextEntry{}}
	path, err := a.contextsFile()
	if err != nil {
		return known, nil // without a home there is the default alone
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return known, nil
	}
	if err != nil {
		return known, err
	}
	if err := json.Unmarshal(text, &known); err != nil {
		return known, fmt.Errorf("%s cannot be read: %w; mend or remove it", path, err)
	}
	if known.Named == nil {
		known.Named = map[string]contextEntry{}
	}
	return known, nil
}

// changeContexts writes the configuration file with what change makes of it.
func (a *App) changeContexts(change func(*contexts) error) error {
	path, err := a.contextsFile()
	if err != nil {
		return err
	}
	known, err := a.contexts()
	if err != nil {
		return err
	}
	if err := change(&known); err != nil {
		return err
	}
	text, err := json.MarshalIndent(known, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(path, append(text, '\n'))
}

// replaceFile writes a file that is there whole or not at all.
func replaceFile(path string, text []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".config-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	_, err = file.Write(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// withClient calls f with a client of the control plane.
func (a *App) withClient(f func(*httpclient.Client) error) error {
	address, err := a.address()
	if err != nil {
		return err
	}
	client, err := httpclient.New(address)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	return f(client)
}
