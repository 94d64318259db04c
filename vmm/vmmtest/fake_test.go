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
		Deviations: map[string]string{
			"StaleSocket": "a goroutine cannot be killed",
			"Killed":      "a goroutine cannot be killed",
		},
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
	answer := func(text string) { _, _ = fmt.Fprintln(conn, text) }
	switch strings.TrimSpace(line) {
	case "ping":
		answer("pong")
	case "disks":
		answer(strings.Join(g.Disks(), " "))
	case "nets":
		answer(fmt.Sprint(g.Nets()))
	case "button":
		answer("yes")
	case "echo":
		answer("ok")
		_, _ = io.Copy(conn, r)
	case "poweroff":
		answer("ok")
		g.PowerOff()
	case "reboot":
		answer("ok")
		g.Reset()
	case "panic":
		answer("ok")
		g.Panic()
	}
}

func TestFake(t *testing.T) {
	vmmtest.Run(t, fakeSubject())
	vmmtest.RunGuests(t, fakeSubject())
}
