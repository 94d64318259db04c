package cli_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// echo is a program in every container, as the plane in memory has it: it sends
// back all of a connection once that has ended.
func echo(t *testing.T) (l net.Listener, port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all, _ := io.ReadAll(conn)
			_, _ = conn.Write(all)
			_ = conn.Close()
		}
	}()
	return l, l.Addr().(*net.TCPAddr).Port
}

// address returns where a cardctl says that it listens.
func (c *process) address(t *testing.T) string {
	t.Helper()
	c.out.waitFor(t, "\n")
	return regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(c.out.String())
}

// interrupt ends a cardctl as Ctrl-C does.
func (c *process) interrupt(t *testing.T) {
	t.Helper()
	c.signals <- os.Interrupt
	if code := <-c.code; code != 128+int(syscall.SIGINT) {
		t.Errorf("exit code %d", code)
	}
}

// exchange sends text through address and returns what comes back.
func exchange(address, text string) (string, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, text); err != nil {
		return "", err
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return "", err
	}
	all, err := io.ReadAll(conn)
	return string(all), err
}

// Connections get through many at once, break off with the control plane, and
// get through again when it is back.
func TestPortForward(t *testing.T) {
	p := newPlane(t)
	p.must("run", "-d", "--name", "web", "test", "sleep", "1000")
	program, port := echo(t)
	f := p.start("port-forward", "web", fmt.Sprintf("0:%d", port))
	address := f.address(t)

	const many = 50
	results := make(chan error, many)
	for i := range many {
		go func() {
			text := strings.Repeat(fmt.Sprint(i), 10_000)
			got, err := exchange(address, text)
			if err == nil && got != text {
				err = fmt.Errorf("%d bytes came back of %d", len(got), len(text))
			}
			results <- err
		}()
	}
	for range many {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}

	p.down()
	if _, err := exchange(address, "x"); err == nil {
		t.Error("there is no control plane")
	}
	f.err.waitFor(t, "cardplaned cannot be reached")
	p.up()
	if got, err := exchange(address, "again"); err != nil || got != "again" {
		t.Errorf("%q, %v", got, err)
	}
	_ = program.Close()
	if _, err := exchange(address, "x"); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("nothing listens: %v", err)
	}
	f.err.waitFor(t, fmt.Sprintf("nothing listens on TCP port %d", port))
	f.interrupt(t)
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("it still listens")
	}
}

// An interrupt ends connections that are open.
func TestPortForwardInterrupted(t *testing.T) {
	p := newPlane(t)
	p.must("run", "-d", "--name", "web", "test", "sleep", "1000")
	_, port := echo(t)
	f := p.start("port-forward", "web", fmt.Sprintf("0:%d", port))
	conn, err := net.Dial("tcp", f.address(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	p.requests.waitFor(t, "/connect")
	f.interrupt(t)
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection goes on")
	}
}

func TestPortForwardArguments(t *testing.T) {
	p := newPlane(t)
	p.must("run", "-d", "--name", "web", "test", "sleep", "1000")
	l, port := echo(t)
	defer func() { _ = l.Close() }()
	for args, says := range map[string]string{
		"web 80:x":                      `"80:x" names no ports`,
		"web 80:0":                      "REMOTE from 1 to 65535",
		"web 70000":                     "names no ports",
		"web":                           "at least 2 argument",
		"nope 0:80":                     `there is no container "nope"`,
		fmt.Sprintf("web %d:80", port):  "choose another port of this machine, as in 0:80",
		"--address not.an.ip web 0:80":  "not.an.ip",
		"--address 127.0.0.1 web 1:2:3": "names no ports",
	} {
		r := p.run("", append([]string{"port-forward"}, strings.Fields(args)...)...)
		if r.code != 1 || !strings.Contains(r.err, says) {
			t.Errorf("%s: exit code %d, %q", args, r.code, r.err)
		}
	}
}

// The proxy passes requests, streams and WebSockets on, and lets no foreign web
// page in.
func TestProxy(t *testing.T) {
	p := newPlane(t)
	p.must("run", "-d", "--name", "web", "test", "sh", "-c", "echo hello; sleep 1000")
	c := p.start("proxy", "--port", "0", "--accept-host", "card.example")
	address := c.address(t)
	for _, tc := range []struct {
		path   string
		header map[string]string
		status int
		says   string
	}{
		{"/v1/containers", nil, 200, `"name":"web"`},
		{"/v1/containers/nope", nil, 404, "container_not_found"},
		{"/v1/version", map[string]string{"Host": "localhost:1"}, 200, "apiVersion"},
		{"/v1/version", map[string]string{"Host": "CARD.example"}, 200, "apiVersion"},
		{"/v1/version", map[string]string{"Host": "[::1]:7"}, 200, "apiVersion"},
		{"/v1/version", map[string]string{"Host": "evil.example"}, 400, "foreign_host"},
		{"/v1/version", map[string]string{"Host": "localhost.evil.example:80"}, 400, "foreign_host"},
		{"/v1/version", map[string]string{"Origin": "http://" + address}, 200, "apiVersion"},
		{"/v1/version", map[string]string{"Origin": "http://evil.example"}, 400, "foreign_origin"},
		{"/v1/version", map[string]string{"Origin": "null"}, 400, "foreign_origin"},
		{"/v1/version", map[string]string{"Sec-Fetch-Site": "cross-site"}, 400, "foreign_origin"},
		{"/v1/version", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200, "apiVersion"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+tc.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Close = true
		for name, value := range tc.header {
			req.Header.Set(name, value)
		}
		req.Host = tc.header["Host"]
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != tc.status || !strings.Contains(string(body), tc.says) {
			t.Errorf("%s %v: %d %s, %v", tc.path, tc.header, resp.StatusCode, body, err)
		}
	}

	// cardctl itself goes through it: a WebSocket, and a stream that goes on.
	through := []string{"--host", "tcp://" + address}
	if got := p.must(append(through, "exec", "web", "echo", "hi")...); got != "hi" {
		t.Errorf("exec: %q", got)
	}
	logs := p.start(append(through, "logs", "-f", "web")...)
	logs.out.waitFor(t, "hello\n")
	p.down()
	if r := p.run("", append(through, "version")...); !strings.Contains(r.out+r.err, "cannot be reached") {
		t.Errorf("without a control plane: %+v", r)
	}
	logs.interrupt(t)
	c.interrupt(t)
}
