package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/cardplane/cli"
)

// with runs cardctl with nothing but env in its environment.
func with(t *testing.T, env map[string]string, args ...string) result {
	t.Helper()
	out, errors := newOutput(), newOutput()
	app := &cli.App{In: strings.NewReader(""), Out: out, Err: errors, Getenv: func(name string) string { return env[name] }}
	code := app.Run(t.Context(), args)
	return result{out: strings.TrimSuffix(out.String(), "\n"), err: errors.String(), code: code}
}

// What names the control plane more closely comes first.
func TestContextPrecedence(t *testing.T) {
	p := newPlane(t)
	here, nowhere := "unix://"+p.path, "unix:///nonexistent/socket"
	home := t.TempDir()
	for _, args := range [][]string{{"here", here}, {"nowhere", nowhere}} {
		if r := with(t, map[string]string{"HOME": home}, append([]string{"context", "create"}, args...)...); r.code != 0 || r.out != args[0] {
			t.Fatalf("%+v", r)
		}
	}
	for _, tc := range []struct {
		name, args string
		env        map[string]string
		current    string
		reaches    bool
	}{
		{name: "nothing", reaches: false},
		{name: "the file", current: "here", reaches: true},
		{name: "the environment's context before the file", current: "nowhere", env: map[string]string{"CARDPLANE_CONTEXT": "here"}, reaches: true},
		{name: "the environment's address before its context", env: map[string]string{"CARDPLANE_CONTEXT": "here", "CARDPLANE_HOST": nowhere}},
		{name: "--context before the environment", args: "--context here", env: map[string]string{"CARDPLANE_HOST": nowhere}, reaches: true},
		{name: "--host before the environment", args: "--host " + here, env: map[string]string{"CARDPLANE_HOST": nowhere}, reaches: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			env := map[string]string{"HOME": home}
			use := tc.current
			if use == "" {
				use = "default"
			}
			if r := with(t, env, "context", "use", use); r.code != 0 {
				t.Fatalf("%+v", r)
			}
			for name, value := range tc.env {
				env[name] = value
			}
			if r := with(t, env, append(strings.Fields(tc.args), "ps")...); (r.code == 0) != tc.reaches {
				t.Errorf("%+v", r)
			}
		})
	}
	if r := with(t, map[string]string{"HOME": home}, "--host", here, "--context", "here", "ps"); r.code == 0 || !strings.Contains(r.err, "give one of them") {
		t.Errorf("both: %+v", r)
	}
}

func TestContexts(t *testing.T) {
	env := map[string]string{"XDG_CONFIG_HOME": t.TempDir()}
	for _, tc := range []struct {
		args, out, err string
	}{
		{args: "context show", out: "default"},
		{args: "context create lab tcp://127.0.0.1:7070", out: "lab"},
		{args: "context create bad ftp://x", err: "no address of a control plane"},
		{args: "context create -- -x tcp://127.0.0.1:7070", err: "cannot be a context's name"},
		{args: "context create lost https://card:1?ca=/nonexistent", err: "/nonexistent"},
		{args: "context use lab", out: "lab"},
		{args: "context use nonesuch", err: "`cardctl context ls`"},
		{args: "context show", out: "lab"},
		{args: "--context default context show", out: "default"},
		{args: "context ls -q", out: "default\nlab"},
		{args: "context ls --format {{.Name}},{{.Host}},{{.Current}}", out: "default," + cli.DefaultHost + ",false\nlab,tcp://127.0.0.1:7070,true"},
		{args: "context rm lab", err: "cardctl context use default"},
		{args: "context use default", out: "default"},
		{args: "context rm lab", out: "lab"},
		{args: "context rm default", err: "there is no context"},
		{args: "__complete context use d", out: "default\n:4"},
	} {
		r := with(t, env, strings.Fields(tc.args)...)
		if r.out != tc.out || (r.code != 0) != (tc.err != "") || tc.err != "" && !strings.Contains(r.err, tc.err) {
			t.Errorf("%s: %+v", tc.args, r)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(env["XDG_CONFIG_HOME"], "cardplane", ".config-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A file that cannot be read is not overwritten, and an address needs none.
func TestContextsFileBroken(t *testing.T) {
	home := t.TempDir()
	path := filepath.Join(home, "cardplane", "config.json")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"XDG_CONFIG_HOME": home}
	for _, args := range []string{"ps", "context ls", "context use default", "context create lab tcp://127.0.0.1:1"} {
		if r := with(t, env, strings.Fields(args)...); r.code == 0 || !strings.Contains(r.err, path) {
			t.Errorf("%s: %+v", args, r)
		}
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "{" {
		t.Errorf("the file has become %q, %v", text, err)
	}
	p := newPlane(t)
	if r := with(t, env, "--host", "unix://"+p.path, "ps"); r.code != 0 {
		t.Errorf("%+v", r)
	}
}
