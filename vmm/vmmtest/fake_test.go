package vmmtest_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm/vmmtest"
)

// fakeSubject is the fake with a guest that speaks the protocol of command
// guest.
func fakeSubject() vmmtest.Subject {
	return vmmtest.Subject{
		Name: "fake",
		Start: func(t testing.TB, opts vmmtest.StartOptions) vmmtest.Process {
			return vmmtest.StartFake(t, vmmtest.FakeOptions{Socket: opts.Socket, NoShutdown: opts.NoShutdown, Guest: newGuest()})
		},
		Payload: func(t testing.TB) chapi.PayloadConfig {
			kernel := filepath.Join(t.TempDir(), "vmlinux")
			if err := os.WriteFile(kernel, []byte("not looked into"), 0o600); err != nil {
				t.Fatal(err)
			}
			return chapi.PayloadConfig{Kernel: kernel}
		},
		Differences: vmmtest.OfFake,
		Report:      &report,
	}
}

func newGuest() *vmmtest.FakeGuest {
	g := &vmmtest.FakeGuest{
		Boot: func(serial io.Writer) { _, _ = fmt.Fprintln(serial, "VMMTEST-GUEST-READY") },
	}
	g.Button = g.PowerOff
	g.Ports = map[uint32]func(net.Conn){1024: func(conn net.Conn) { obey(g, conn) }}
	return g
}

func obey(g *vmmtest.FakeGuest, conn net.Conn) {
	r := bufio.NewReader(conn)
	line, _ := r.ReadString('\n')
	words := append(strings.Fields(line), "", "", "")
	switch words[0] {
	case "echo":
		_, _ = fmt.Fprintln(conn, "ok")
		_, _ = io.Copy(conn, r)
	case "poweroff", "reboot", "panic", "halt":
		_, _ = fmt.Fprintln(conn, "ok")
		map[string]func(){"poweroff": g.PowerOff, "reboot": g.Reset, "panic": g.Panic, "halt": g.Halt}[words[0]]()
	default:
		_, _ = fmt.Fprintln(conn, answer(g, words))
	}
}

func answer(g *vmmtest.FakeGuest, words []string) string {
	switch words[0] {
	case "ping":
		return "pong"
	case "cpus":
		return fmt.Sprint(g.CPUs())
	case "memory":
		return fmt.Sprint(g.Memory())
	case "disks":
		return strings.Join(g.Disks(), " ")
	case "size":
		return fmt.Sprint(g.DiskSize(words[1]))
	case "read":
		return g.ReadWord(words[1])
	case "write":
		if err := g.WriteWord(words[1], words[2]); err != nil {
			return err.Error()
		}
		return "ok"
	case "nets":
		return fmt.Sprint(len(g.MACs()))
	case "macs":
		return strings.Join(g.MACs(), " ")
	case "up":
		g.Up(words[1])
		return "ok"
	case "remember":
		g.Remember(words[1])
		return "ok"
	case "recall":
		return g.Recall()
	}
	return "yes" // button, driver
}

func TestFake(t *testing.T) {
	vmmtest.Run(t, fakeSubject())
	vmmtest.RunGuests(t, fakeSubject())
}
