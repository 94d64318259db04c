package vhostvsock_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/vmm/vhostvsock"
	"github.com/cardplane/cardplane/vmm/vhostvsock/vhosttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testCID = 42

// patience bounds every wait of the tests. Reaching it is a failure.
const patience = 30 * time.Second

// device is a running device under test.
type device struct {
	vhost  string
	hybrid string
}

func testLog(t testing.TB) logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(t.Output())
	log.SetLevel(logrus.DebugLevel)
	return log
}

func startDevice(t testing.TB) device {
	t.Helper()
	dir := shortTempDir(t)
	d := device{vhost: filepath.Join(dir, "vhost"), hybrid: filepath.Join(dir, "vsock")}
	dev, err := vhostvsock.Listen(vhostvsock.Config{
		VhostSocket: d.vhost, HybridSocket: d.hybrid, GuestCID: testCID, Log: testLog(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- dev.Serve(context.Background()) }()
	t.Cleanup(func() {
		if err := dev.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return d
}

// shortTempDir is t.TempDir with a name that leaves room in sun_path.
func shortTempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "vv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (d device) driver(t testing.TB, opt vhosttest.Options) *vhosttest.Driver {
	t.Helper()
	drv, err := vhosttest.NewDriver(d.vhost, opt)
	if err != nil {
		t.Fatal(err)
	}
	return drv
}

// closing closes c at the end of the test.
func closing[C io.Closer](t testing.TB, c C) C {
	t.Helper()
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close %T: %v", c, err)
		}
	})
	return c
}

func (d device) guest(t testing.TB, opt vhosttest.Options) *vhosttest.Guest {
	t.Helper()
	return closing(t, vhosttest.NewGuest(d.driver(t, opt)))
}

// dialRaw connects to the hybrid socket and sends text.
func (d device) dialRaw(t testing.TB, text string) *net.UnixConn {
	t.Helper()
	c, err := net.Dial("unix", d.hybrid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // most tests have closed it
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if text == "" {
		return c.(*net.UnixConn)
	}
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c.(*net.UnixConn)
}

// dial connects to a port of the guest.
func (d device) dial(t testing.TB, port uint32) *net.UnixConn {
	t.Helper()
	c := d.dialRaw(t, fmt.Sprintf("CONNECT %d\n", port))
	readOK(t, c)
	return c
}

// readOK reads the answer of the device byte by byte: what follows it is data.
func readOK(t testing.TB, c net.Conn) uint32 {
	t.Helper()
	var line []byte
	for !bytes.HasSuffix(line, []byte("\n")) {
		var b [1]byte
		if _, err := io.ReadFull(c, b[:]); err != nil {
			t.Fatalf("after %q: %v", line, err)
		}
		line = append(line, b[0])
	}
	text, ok := strings.CutPrefix(strings.TrimSuffix(string(line), "\n"), "OK ")
	port, err := strconv.ParseUint(text, 10, 32)
	if !ok || err != nil || port < 1<<30 {
		t.Fatalf("answer %q", line)
	}
	return uint32(port)
}

// listen listens for connections of the guest to a port.
func (d device) listen(t testing.TB, port uint32) *net.UnixListener {
	t.Helper()
	l, err := net.Listen("unix", fmt.Sprintf("%s_%d", d.hybrid, port))
	if err != nil {
		t.Fatal(err)
	}
	ul := closing(t, l.(*net.UnixListener))
	if err := ul.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return ul
}

func acceptHost(t testing.TB, l *net.UnixListener) *net.UnixConn {
	t.Helper()
	c, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

func acceptGuest(t testing.TB, l *vhosttest.Listener) *vhosttest.Conn {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pair is an open connection from the host.
func (d device) pair(t testing.TB, g *vhosttest.Guest) (*net.UnixConn, *vhosttest.Conn) {
	t.Helper()
	l := g.Listen(1024)
	host := d.dial(t, 1024)
	return host, acceptGuest(t, l)
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.New(rand.NewSource(int64(n))).Read(b)
	return b
}

// pump writes data in writes of the given size, then ends the stream.
func pump(w interface {
	io.Writer
	CloseWrite() error
}, data []byte, size int) error {
	for len(data) > 0 {
		n := min(size, len(data))
		if _, err := w.Write(data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return w.CloseWrite()
}

// exchange sends data both ways at once and checks what arrives.
func exchange(t testing.TB, host *net.UnixConn, guest *vhosttest.Conn, size, total int) {
	t.Helper()
	up, down := randomBytes(total), randomBytes(total+1)
	errs := make(chan error, 3)
	go func() { errs <- pump(guest, up, size) }()
	go func() { errs <- pump(host, down, size) }()
	go func() {
		got, err := io.ReadAll(guest)
		if err == nil && !bytes.Equal(got, down) {
			err = fmt.Errorf("guest got %d bytes, not the %d sent", len(got), len(down))
		}
		errs <- err
	}()
	got, err := io.ReadAll(host)
	if err != nil || !bytes.Equal(got, up) {
		t.Errorf("host got %d of %d bytes: %v", len(got), len(up), err)
	}
	for range 3 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
