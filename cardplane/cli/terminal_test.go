package cli_test

import (
	"cmp"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/creack/pty"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/cardplanetest"
)

// onTerminal runs cardctl with a terminal as its output and further variables,
// and returns what the terminal was sent.
func (p *plane) onTerminal(env map[string]string, args ...string) result {
	p.t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		p.t.Skipf("no pseudo-terminal: %v; mount devpts", err)
	}
	defer func() { _ = master.Close() }()
	if err := pty.Setsize(master, &pty.Winsize{Rows: 24, Cols: 120}); err != nil {
		p.t.Fatal(err)
	}
	shown := make(chan string)
	go func() {
		all, _ := io.ReadAll(master) // it ends with an error once the other side is closed
		shown <- string(all)
	}()
	app := p.app(strings.NewReader(""), slave, slave)
	others := app.Getenv
	app.Getenv = func(name string) string { return cmp.Or(env[name], others(name)) }
	code := app.Run(p.t.Context(), args)
	_ = slave.Close()
	return result{out: <-shown, code: code}
}

// Colours are for terminals whose user has nothing against them.
func TestColours(t *testing.T) {
	p := newPlane(t)
	p.down() // which is what there is to tell
	const red = "\x1b[31m"
	for _, tc := range []struct {
		env  map[string]string
		want bool
	}{
		{nil, true},
		{map[string]string{"NO_COLOR": "1"}, false},
		{map[string]string{"TERM": "dumb"}, false},
	} {
		if r := p.onTerminal(tc.env, "doctor"); strings.Contains(r.out, red) != tc.want || !strings.Contains(r.out, "cannot be reached") {
			t.Errorf("%v: %q", tc.env, r.out)
		}
	}
	if r := p.run("", "doctor"); strings.Contains(r.out, red) {
		t.Errorf("without a terminal: %q", r.out)
	}
}

// A load shows on a terminal how far it is, and takes that away again.
func TestProgressBars(t *testing.T) {
	p := newPlane(t)
	config := cardplane.ImageConfig{Labels: map[string]string{"large": strings.Repeat("x", 512<<10)}}
	file := filepath.Join(t.TempDir(), "big.tar")
	if err := os.WriteFile(file, cardplanetest.Archive(config, "big:latest"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := p.onTerminal(nil, "load", file)
	bar := regexp.MustCompile(`big\.tar: upload \[=* +\] \S+ / 52\dkB`)
	if r.code != 0 || !bar.MatchString(r.out) || !strings.Contains(r.out, "\x1b[1A\x1b[J") || !strings.Contains(r.out, "big.tar: uploaded") {
		t.Errorf("%d %.2000q", r.code, r.out)
	}
	if r := p.onTerminal(nil, "load", "-q", file); r.code != 0 || bar.MatchString(r.out) {
		t.Errorf("with --quiet: %d %.2000q", r.code, r.out)
	}
	again := p.run("", "load", file)
	if again.code != 0 || strings.Contains(again.err, "\x1b[") || !strings.Contains(again.err, "uploaded") {
		t.Errorf("without a terminal: %+v", again)
	}
}
