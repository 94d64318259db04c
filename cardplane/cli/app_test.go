package cli_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/cardplanetest"
	"github.com/cardplane/cardplane/cardplane/cli"
	"github.com/cardplane/cardplane/cardplane/httpapi"
)

// patience bounds a test that would otherwise hang. No test depends on it.
const patience = time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// plane is a control plane that can go away and come back.
type plane struct {
	*cardplanetest.Memory
	t        *testing.T
	path     string
	handler  http.Handler
	server   *http.Server
	cancel   context.CancelFunc
	finished chan error

	connections sync.Map // of net.Conn
	requests    *output  // the paths of requests
	dropped     string   // requests of this path's end are not answered
}

func newPlane(t *testing.T) *plane {
	t.Helper()
	// t.TempDir is too long for a socket's path.
	dir, err := os.MkdirTemp("", "cp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	m := cardplanetest.NewMemory()
	t.Cleanup(m.Close)
	archive := cardplanetest.Archive(cardplane.ImageConfig{Cmd: []string{"echo", "default"}}, "test:latest")
	if _, err := m.Images().Load(t.Context(), bytes.NewReader(archive), cardplane.LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	log, _ := test.NewNullLogger()
	p := &plane{Memory: m, t: t, path: filepath.Join(dir, "s"), requests: newOutput()}
	api := httpapi.New(httpapi.Services{Containers: m.Containers(), Images: m.Images(), Volumes: m.Volumes(), Networks: m.Networks(), Configs: m.Configs(), Secrets: m.Secrets(), Sandboxes: m.Sandboxes(), Events: m.Events(), System: m.System()}, log)
	p.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(p.requests, r.URL.Path+"\n")
		if p.dropped != "" && strings.HasSuffix(r.URL.Path, p.dropped) {
			panic(http.ErrAbortHandler)
		}
		api.ServeHTTP(w, r)
	})
	p.up()
	t.Cleanup(p.down)
	return p
}

// up makes the control plane listen.
func (p *plane) up() {
	p.t.Helper()
	listener, err := net.Listen("unix", p.path)
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.server = &http.Server{
		Handler:     p.handler,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnState: func(conn net.Conn, state http.ConnState) {
			// The server itself forgets the connections of WebSockets.
			if state == http.StateNew {
				p.connections.Store(conn, nil)
			}
		},
	}
	p.finished = make(chan error, 1)
	go func(server *http.Server, finished chan<- error) { finished <- server.Serve(listener) }(p.server, p.finished)
}

// down makes it vanish with all its connections, as kill -9 does.
func (p *plane) down() {
	if p.server == nil {
		return
	}
	_ = p.server.Close()
	p.connections.Range(func(conn, _ any) bool {
		_ = conn.(net.Conn).Close()
		return true
	})
	p.connections.Clear()
	p.cancel()
	if err := <-p.finished; !errors.Is(err, http.ErrServerClosed) {
		p.t.Error(err)
	}
	p.server = nil
}

// output collects what is written and lets a test wait for it.
type output struct {
	mu      sync.Mutex
	text    strings.Builder
	changed chan struct{}
}

func newOutput() *output { return &output{changed: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.changed)
	o.changed = make(chan struct{})
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// waitFor waits until the output contains text.
func (o *output) waitFor(t *testing.T, text string) {
	t.Helper()
	for {
		o.mu.Lock()
		got, changed := o.text.String(), o.changed
		o.mu.Unlock()
		if strings.Contains(got, text) {
			return
		}
		select {
		case <-changed:
		case <-time.After(patience):
			t.Fatalf("%q never came; there is %q", text, got)
		}
	}
}

// process is a cardctl that runs.
type process struct {
	out, err *output
	in       io.WriteCloser
	signals  chan os.Signal
	code     chan int
}

// start runs cardctl beside the test, with a pipe as stdin.
func (p *plane) start(args ...string) *process {
	p.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		p.t.Fatal(err)
	}
	c := &process{out: newOutput(), err: newOutput(), in: w, signals: make(chan os.Signal), code: make(chan int, 1)}
	app := p.app(r, c.out, c.err)
	app.Signals = c.signals
	go func() {
		c.code <- app.Run(context.Background(), args)
		_ = r.Close()
	}()
	p.t.Cleanup(func() { _ = w.Close() })
	return c
}

func (p *plane) app(in io.Reader, out, errors io.Writer) *cli.App {
	getenv := func(name string) string {
		return map[string]string{"CARDPLANE_HOST": "unix://" + p.path, "FROM_ENV": "inherited"}[name]
	}
	return &cli.App{In: in, Out: out, Err: errors, Getenv: getenv}
}

// result is what a cardctl that has ended left.
type result struct {
	out, err string
	code     int
}

// run runs cardctl to its end.
func (p *plane) run(stdin string, args ...string) result {
	p.t.Helper()
	out, errors := newOutput(), newOutput()
	code := p.app(strings.NewReader(stdin), out, errors).Run(p.t.Context(), args)
	return result{out: out.String(), err: errors.String(), code: code}
}

// must runs cardctl, expects success, and returns what it printed.
func (p *plane) must(args ...string) string {
	p.t.Helper()
	r := p.run("", args...)
	if r.code != 0 || r.err != "" {
		p.t.Fatalf("cardctl %s: exit code %d: %s", strings.Join(args, " "), r.code, r.err)
	}
	return strings.TrimSuffix(r.out, "\n")
}
