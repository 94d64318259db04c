package hosttest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// VMM is a process that vmmd has spawned in place of a VMM.
type VMM struct {
	// Version is what the VMM answers to vmm.ping.
	Version string

	api    *os.File // the listening API socket
	events *os.File // of the event monitor
	mu     sync.Mutex
}

// BecomeVMM returns at once in a test process. In a process that a [Host] has
// spawned as a VMM it calls serve, with a context that ends at SIGTERM, and
// exits: with code 0 when serve returns nil, 1 when it fails, serve's error on
// standard error. It is the first thing in a TestMain.
//
// A VMM outlives the server that spawned it, but not the test's process.
func BecomeVMM(serve func(ctx context.Context, v *VMM) error) {
	if os.Getenv("CARDPLANE_VM") == "" {
		if os.Getenv(ownerVariable) == "" { // else a daemon that the test has started
			_ = os.Setenv(ownerVariable, strconv.Itoa(os.Getpid()))
		}
		return
	}
	go endWithOwner()
	v := &VMM{Version: "v53.0.0"}
	flags := flag.NewFlagSet("vmm", flag.ContinueOnError)
	flags.Func("api-socket", "fd=N of the listening API socket", openFD(&v.api))
	flags.Func("event-monitor", "fd=N of the event monitor", openFD(&v.events))
	flags.String("seccomp", "", "true, or another policy")
	flags.Bool("v", false, "log more")
	if err := flags.Parse(os.Args[1:]); err != nil {
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, v); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// openFD returns what sets file to the descriptor in an argument "fd=N".
func openFD(file **os.File) func(string) error {
	return func(arg string) error {
		fd, err := strconv.Atoi(strings.TrimPrefix(arg, "fd="))
		if err != nil {
			return err
		}
		unix.CloseOnExec(fd)
		*file = os.NewFile(uintptr(fd), arg)
		return nil
	}
}

// ownerVariable names the test's process to its VMMs.
const ownerVariable = "CARDPLANE_TEST_PID"

// endWithOwner ends this process when the test's process has ended, however
// that came about.
func endWithOwner() {
	pid, err := strconv.Atoi(os.Getenv(ownerVariable))
	if err != nil {
		return
	}
	fd, err := unix.PidfdOpen(pid, 0)
	for err == nil || errors.Is(err, unix.EINTR) {
		var n int
		if n, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1); n > 0 {
			break
		}
	}
	os.Exit(1)
}

// ServeAPI serves handler, and vmm.ping, on the API socket until ctx is done.
func (v *VMM) ServeAPI(ctx context.Context, handler http.Handler) error {
	l, err := net.FileListener(v.api)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/vmm.ping", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, "{\"version\":%q}", v.Version)
	})
	if handler != nil {
		mux.Handle("/", handler)
	}
	server := &http.Server{Handler: mux}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Emit appends an event to the event monitor, in Cloud Hypervisor's form.
func (v *VMM) Emit(source, event string) error { return v.emit(source, event, "null") }

// EmitDevice is Emit for an event of a device.
func (v *VMM) EmitDevice(source, event, id string) error {
	return v.emit(source, event, fmt.Sprintf("{\n    \"id\": %q\n  }", id))
}

func (v *VMM) emit(source, event, properties string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, err := fmt.Fprintf(v.events, "{\n  \"timestamp\": {\n    \"secs\": 0,\n    \"nanos\": 1000\n  },\n"+
		"  \"source\": %q,\n  \"event\": %q,\n  \"properties\": %s\n}\n\n", source, event, properties)
	return err
}
