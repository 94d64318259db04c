package divert_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/guest-agent/divert"
)

// patience is when a test gives up.
const patience = time.Minute

// asked is where the programs of the tests send to. Nobody listens there.
var asked = netip.MustParseAddrPort("127.0.0.11:53531")

// askEnv tells this program to be one that asks.
const askEnv = "DIVERT_TEST_ASK"

func TestMain(m *testing.M) {
	if how := os.Getenv(askEnv); how != "" {
		fmt.Println(ask(how))
		return
	}
	os.Exit(m.Run())
}

// ask sends a word to asked, and returns what came back from whom.
func ask(how string) string {
	conn, from, err := dial(how)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	buf := make([]byte, 16)
	if from == nil {
		_, err = io.WriteString(conn, "hello")
		n, readErr := conn.Read(buf)
		return fmt.Sprintf("%s %v %v", buf[:max(n, 0)], conn.RemoteAddr(), errors.Join(err, readErr))
	}
	packets := conn.(*net.UDPConn)
	_, err = packets.WriteTo([]byte("hello"), from)
	n, back, readErr := packets.ReadFrom(buf)
	return fmt.Sprintf("%s %v %v", buf[:max(n, 0)], back, errors.Join(err, readErr))
}

// dial opens the socket of a way to ask, and tells where to send what is sent
// with an address.
func dial(how string) (conn net.Conn, to net.Addr, err error) {
	switch how {
	case "tcp", "udp":
		conn, err = net.Dial(how, asked.String())
		return conn, nil, err
	case "tcp6", "udp6":
		conn, err = dialMapped(how)
		return conn, nil, err
	case "sendto", "sendto6":
		network := map[string]string{"sendto": "udp4", "sendto6": "udp"}[how] // "udp" on all addresses has a socket of IPv6
		conn, err = net.ListenUDP(network, nil)
		return conn, net.UDPAddrFromAddrPort(asked), err
	}
	return nil, nil, errors.New("no such way")
}

// dialMapped connects a socket of IPv6 to the address, which net does not do.
func dialMapped(how string) (net.Conn, error) {
	kind := map[string]int{"tcp6": unix.SOCK_STREAM, "udp6": unix.SOCK_DGRAM}[how]
	fd, err := unix.Socket(unix.AF_INET6, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), how)
	defer func() { _ = f.Close() }()
	if err := unix.Connect(fd, &unix.SockaddrInet6{Addr: asked.Addr().As16(), Port: int(asked.Port())}); err != nil {
		return nil, err
	}
	if peer, err := unix.Getpeername(fd); err != nil || peer.(*unix.SockaddrInet6).Port != int(asked.Port()) {
		return nil, fmt.Errorf("connected to %v, %w", peer, err)
	}
	return net.FileConn(f)
}

// cgroup makes a cgroup, in which nobody is.
func cgroup(t *testing.T) *os.File {
	t.Helper()
	root := t.TempDir()
	if err := unix.Mount("cgroup", root, "cgroup2", 0, ""); err != nil {
		t.Skipf("needs root, to mount cgroups: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(root, 0) })
	dir, err := os.MkdirTemp(root, "divert-test-") // all roots are one hierarchy
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Rmdir(dir) })
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// askIn runs this program in a cgroup, or where this process is.
func askIn(t *testing.T, group *os.File, how string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), askEnv+"="+how)
	if group != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(group.Fd())}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v, %s", how, err, out)
	}
	return strings.TrimSpace(string(out))
}

// echo answers on a free port of the address with what it gets.
func echo(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", asked.Addr().String()+":0")
	if err != nil {
		t.Fatal(err)
	}
	p, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = l.Close(), p.Close() })
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			go func() { _, _ = io.CopyN(conn, conn, 5); _ = conn.Close() }()
		}
	}()
	go func() {
		buf := make([]byte, 16)
		for n, from, err := p.ReadFrom(buf); err == nil; n, from, err = p.ReadFrom(buf) {
			_, _ = p.WriteTo(buf[:n], from)
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// However a program of the cgroup asks, it is answered, and from where it has
// asked; those outside, and those after the end, are not.
func TestDivert(t *testing.T) {
	group, to := cgroup(t), echo(t)
	d, err := divert.New(group.Name(), asked, to)
	if errors.Is(err, unix.EPERM) {
		t.Skipf("needs to be allowed BPF: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := askIn(t, group, "tcp"); !strings.Contains(got, "refused") {
		t.Errorf("before the start: %q", got)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	want := "hello " + asked.String() + " <nil>"
	for _, how := range []string{"tcp", "udp", "sendto", "tcp6", "udp6", "sendto6"} {
		if got := askIn(t, group, how); got != want {
			t.Errorf("%s: %q", how, got)
		}
	}
	if got := askIn(t, nil, "tcp"); !strings.Contains(got, "refused") {
		t.Errorf("outside: %q", got)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if got := askIn(t, group, "tcp"); !strings.Contains(got, "refused") {
		t.Errorf("after the end: %q", got)
	}
}

func TestDivertElsewhere(t *testing.T) {
	for _, to := range []string{"127.0.0.12:1", "[::1]:1"} {
		if _, err := divert.New("/nonesuch", asked, netip.MustParseAddrPort(to)); err == nil {
			t.Errorf("diverted to %s", to)
		}
	}
}
