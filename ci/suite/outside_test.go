package suite

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/ci/harness"
)

// outside is an address beyond the compute host, and upstream the host's on the
// way there.
const outside, upstream = "192.0.2.1", "192.0.2.2"

// lead makes a namespace beside that of the stack's host, with a way there. Its
// process ends with the test.
const lead = `ip link add name way type veth peer name way netns %d &&
ip addr add ` + upstream + `/24 dev way && ip link set way up && ip route add default via ` + outside

// Containers reach what is outside by address and by name, as the card's
// resolvers tell, which may change; those on an internal network do not.
func TestOutbound(t *testing.T) {
	t.Parallel()
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	cfg := harness.DefaultConfig()
	cfg.CardArgs = append(cfg.CardArgs, "--resolv-conf", conf)
	s := networkedBy(t, cfg)
	if s.Remote() {
		t.Skip("the outside is a network namespace of this machine, to which the emulated compute host has no way")
	}
	load(t, s, "python")
	serveOutside(t, s)

	fetches := func(network, where string) (string, int) {
		out, _, code := finish(t, cardctl(t, s, append([]string{"run", "--rm", "--network", network, "demo/python"}, fetch(where, "80")...)...))
		return strings.TrimSpace(out), code
	}
	if out, code := fetches("default", outside); code != 0 || out != upstream {
		t.Errorf("by address: %d, %q", code, out)
	}
	if _, code := fetches("default", "outside.example"); code == 0 {
		t.Error("a name that nobody can tell is known")
	}
	must(t, os.WriteFile(conf, []byte("nameserver "+serveNames(t)+"\n"), 0o600))
	if out, code := fetches("default", "outside.example"); code != 0 || out != upstream {
		t.Errorf("by name: %d, %q", code, out)
	}
	run(t, s, 0, "network", "create", "--internal", "inner")
	for _, where := range []string{outside, "outside.example"} {
		if out, code := fetches("inner", where); code == 0 {
			t.Errorf("%s from an internal network: %q", where, out)
		}
	}
	run(t, s, 0, "network", "rm", "inner", "default")
}

// serveOutside serves a page that says who has asked for it, outside of the
// stack's host.
func serveOutside(t *testing.T, s *harness.Stack) {
	t.Helper()
	listening := make(chan error, 1)
	var l net.Listener
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the namespace
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			_, err = s.OnHost(fmt.Sprintf(lead, unix.Gettid()))
		}
		if err == nil {
			err = onThread("ip", "addr", "add", outside+"/24", "dev", "way")
		}
		if err == nil {
			err = onThread("ip", "link", "set", "way", "up")
		}
		if err == nil {
			l, err = net.Listen("tcp", outside+":80")
		}
		listening <- err
	}()
	if err := <-listening; err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		_, _ = fmt.Fprintln(w, host)
	})}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Shutdown(context.Background())
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

// onThread runs a command in the namespaces of the calling thread.
func onThread(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// serveNames tells everybody who asks for a name the address outside, until the
// test ends. It returns where.
func serveNames(t *testing.T) string {
	t.Helper()
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := l.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 1},
					Body:   &dnsmessage.AResource{A: [4]byte(net.ParseIP(outside).To4())},
				}}
			}
			if out, err := m.Pack(); err == nil {
				_, _ = l.WriteTo(out, from)
			}
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.LocalAddr().String()
}
