package host_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/vmm/host/hosttest"
)

func TestMain(m *testing.M) {
	hosttest.BecomeVMM(serveVMM)
	becomeDaemon()
	goleak.VerifyTestMain(m)
}

// fakeMode is the variable that tells a VMM of these tests how to behave.
const fakeMode = "CARDPLANE_FAKE_VMM"

// serveVMM is the VMM of these tests. It does what it is told over its API
// socket.
func serveVMM(ctx context.Context, v *hosttest.VMM) error {
	switch os.Getenv(fakeMode) {
	case "fail":
		fmt.Fprintln(os.Stderr, "first line")
		return fmt.Errorf("the last line says why")
	case "silent":
		<-ctx.Done()
		return nil
	case "old":
		v.Version = "v51.1"
	case "stubborn":
		ctx = context.Background()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/exit", func(_ http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(r.FormValue("code"))
		os.Exit(code)
	})
	mux.HandleFunc("/emit", func(_ http.ResponseWriter, r *http.Request) { _ = v.Emit("vm", r.FormValue("event")) })
	mux.HandleFunc("/fds", func(w http.ResponseWriter, _ *http.Request) {
		names, _ := filepath.Glob("/proc/self/fd/*")
		for _, name := range names {
			target, _ := os.Readlink(name)
			_, _ = fmt.Fprintln(w, target)
		}
	})
	mux.HandleFunc("/env", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Join(os.Environ(), "\n"))
	})
	mux.HandleFunc("/open", func(w http.ResponseWriter, r *http.Request) {
		flags, _ := strconv.Atoi(r.FormValue("flags"))
		f, err := os.OpenFile(r.FormValue("path"), flags, 0)
		if err == nil {
			_, err = f.Read(make([]byte, 1))
			_ = f.Close()
		}
		_, _ = fmt.Fprint(w, err)
	})
	mux.HandleFunc("/tap", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, openTap(r.FormValue("device"), r.FormValue("name")))
	})
	mux.HandleFunc("/say", func(_ http.ResponseWriter, r *http.Request) { fmt.Fprintln(os.Stderr, r.FormValue("text")) })
	mux.HandleFunc("/child", func(w http.ResponseWriter, _ *http.Request) {
		child := exec.Command("sleep", "1000")
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // out of the process group
		if err := child.Start(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = fmt.Fprint(w, child.Process.Pid)
	})
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		if err := serveEcho(r.FormValue("path")); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return v.ServeAPI(ctx, mux)
}

// serveEcho makes a socket that sends everything back, then "bye" once the
// other side has ended its direction.
func serveEcho(path string) error {
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				_, _ = io.Copy(conn, conn)
				_, _ = io.WriteString(conn, "bye")
			}()
		}
	}()
	return nil
}
