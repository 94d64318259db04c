package suite

import (
	"strings"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/ci/harness"
)

// web serves a page that says its name on port 80.
const web = `hostname >/var/www/html/index.html; exec nginx -g "daemon off;"`

// fetch is a command that prints the page at a host and port, or fails.
func fetch(host, port string) []string {
	const script = `exec 3<>/dev/tcp/$0/$1 && printf "GET / HTTP/1.0\r\n\r\n" >&3 && cat <&3 | tail -1`
	return []string{"timeout", "20", "bash", "-o", "pipefail", "-c", script, host, port}
}

// A published port leads to the program from the host itself, over its loopback
// too, for as long as it runs, also after both daemons were killed.
func TestPublishedPorts(t *testing.T) {
	t.Parallel()
	s := networked(t)
	before := interfaces(t, s)
	load(t, s, "services")
	load(t, s, "python")
	name := unique(t)
	run(t, s, 0, "run", "-d", "--name", name, "--hostname", name, "-p", "8080:80", "-p", "127.0.0.1::80", "demo/services", "sh", "-c", web)
	_, err := s.OnHost(get("127.0.0.1:8080"))
	eventually(t, "the server", func() bool { _, err = s.OnHost(get("127.0.0.1:8080")); return err == nil })
	out, _ := run(t, s, 0, "port", name, "80")
	list := strings.Fields(out)
	if len(list) != 2 || list[0] != "0.0.0.0:8080" || !strings.HasPrefix(list[1], "127.0.0.1:") {
		t.Fatalf("ports %q", out)
	}
	if out, _ := run(t, s, 0, "ps"); !strings.Contains(out, "0.0.0.0:8080->80/tcp, "+list[1]) {
		t.Errorf("ps: %s", out)
	}
	_, stderr := run(t, s, 125, "run", "--rm", "-p", "8080:80", "demo/services", "true")
	if !strings.Contains(stderr, "8080") {
		t.Errorf("a taken port: %s", stderr)
	}
	must(t, s.KillHost())
	must(t, s.KillCard())
	page, err := s.OnHost(get(list[1])) // with no daemon at all
	if err != nil || !strings.Contains(page, name) {
		t.Errorf("without daemons: %q, %v", page, err)
	}
	must(t, s.StartHost(t.Context()))
	must(t, s.StartCard(t.Context()))
	eventually(t, "the container", func() bool { return state(t, s, name) == cardplane.Running })
	for _, at := range list {
		at = strings.Replace(at, "0.0.0.0", "127.0.0.1", 1)
		if page, err := s.OnHost(get(at)); err != nil || !strings.Contains(page, name) {
			t.Errorf("%s after a restart: %q, %v", at, page, err)
		}
	}
	out, _ = run(t, s, 0, append([]string{"run", "--rm", "demo/python"}, fetch(name, "80")...)...)
	if strings.TrimSpace(out) != name {
		t.Errorf("by name after a restart: %q", out)
	}
	run(t, s, 0, "rm", "-f", name)
	if _, err := s.OnHost(get("127.0.0.1:8080")); err == nil {
		t.Error("the port is still published")
	}
	nothingLeft(t, s, before)
}

// A container is put on a network while it runs, and taken off.
func TestConnectLive(t *testing.T) {
	t.Parallel()
	s := networked(t)
	before := interfaces(t, s)
	load(t, s, "services")
	load(t, s, "python")
	for _, name := range []string{"front", "back"} {
		run(t, s, 0, "network", "create", name)
	}
	run(t, s, 0, "run", "-d", "--name", "db", "--hostname", "db", "--network", "back,alias=store", "demo/services", "sh", "-c", web)
	run(t, s, 0, "run", "-d", "--name", "app", "--network", "front", "demo/python", "sleep", "1000")
	fetches := append([]string{"exec", "app"}, fetch("store", "80")...)
	run(t, s, 1, fetches...)
	run(t, s, 0, "network", "connect", "back", "app")
	var out string
	eventually(t, "the name", func() bool {
		stdout, _, code := finish(t, cardctl(t, s, fetches...))
		out = stdout
		return code == 0
	})
	if strings.TrimSpace(out) != "db" {
		t.Errorf("%q", out)
	}
	run(t, s, 0, "network", "disconnect", "back", "app")
	run(t, s, 1, fetches...)
	if out, _ := run(t, s, 0, "exec", "app", "sh", "-c", "ls /sys/class/net"); strings.Contains(out, "eth1") {
		t.Errorf("interfaces %s", out)
	}
	run(t, s, 0, "rm", "-f", "app", "db")
	nothingLeft(t, s, before)
}

// networked starts a stack whose host has networks of its own.
func networked(t *testing.T) *harness.Stack {
	t.Helper()
	return networkedBy(t, harness.DefaultConfig())
}

func networkedBy(t *testing.T, cfg harness.Config) *harness.Stack {
	t.Helper()
	harness.NeedGuests(t)
	if err := harness.Namespaced(); err != nil {
		t.Skip(err)
	}
	return harness.ForTest(t, cfg)
}

// get is fetch for a shell.
func get(address string) string {
	host, port, _ := strings.Cut(address, ":")
	var words []string
	for _, word := range fetch(host, port) {
		words = append(words, "'"+word+"'")
	}
	return strings.Join(words, " ")
}

// interfaces are those of the stack's host.
func interfaces(t *testing.T, s *harness.Stack) string {
	t.Helper()
	out, err := s.OnHost("ls /proc/sys/net/ipv4/conf")
	must(t, err)
	return strings.Join(strings.Fields(out), " ")
}

// nothingLeft waits until the host has the interfaces of before: no bridge and
// no tap is left.
func nothingLeft(t *testing.T, s *harness.Stack, before string) {
	t.Helper()
	eventually(t, "a host without bridges", func() bool { return interfaces(t, s) == before })
}

// state is a container's.
func state(t *testing.T, s *harness.Stack, name string) cardplane.State {
	t.Helper()
	c, err := s.Client.Containers().Get(patient(t), name)
	must(t, err)
	return c.State
}
