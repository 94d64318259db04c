// Package vmtest is a VMM for tests of the control plane: it speaks the API,
// the events and the hybrid-vsock socket of Cloud Hypervisor as far as package
// sandbox drives them, and in place of a guest it runs what the test gives it.
// It is a process of its own, spawned by a real vmmd (package hosttest), so
// that it outlives the control plane and can be killed like any VMM.
package vmtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm/host/hosttest"
)

// Ways in which a guest can behave, chosen by a word on its kernel command
// line.
const (
	// BehavePanic writes a panic to the console and reports it.
	BehavePanic = "behave=panic"
	// BehaveSilent never lets the agent answer.
	BehaveSilent = "behave=silent"
	// BehaveExit ends the VMM during the boot.
	BehaveExit = "behave=exit"
)

// PanicText is what a guest that panics writes to its console last.
const PanicText = "Kernel panic - not syncing: VFS: Unable to mount root fs"

// Guest is what runs in the machine.
type Guest interface {
	// Serve accepts connections to the guest's vsock ports, by port, until
	// ctx ends. poweroff ends the machine as a guest's own power-off does.
	Serve(ctx context.Context, ports map[uint32]net.Listener, poweroff func()) error
}

// Serve is a hosttest.BecomeVMM function: it is the VMM until ctx ends.
func Serve(guest Guest, ports ...uint32) func(ctx context.Context, v *hosttest.VMM) error {
	return func(ctx context.Context, v *hosttest.VMM) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		m := &machine{process: v, guest: guest, ports: ports, ctx: ctx, end: cancel}
		if err := v.Emit("vmm", "starting"); err != nil {
			return err
		}
		return v.ServeAPI(ctx, m.handler())
	}
}

// machine is the VMM's one virtual machine.
type machine struct {
	process *hosttest.VMM
	guest   Guest
	ports   []uint32
	ctx     context.Context
	end     context.CancelFunc

	mu     sync.Mutex
	config *chapi.VmConfig
	booted bool
}

func (m *machine) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/vmm.ping", m.ping)
	mux.HandleFunc("GET /api/v1/vm.info", m.info)
	mux.HandleFunc("PUT /api/v1/vm.create", m.create)
	mux.HandleFunc("PUT /api/v1/vm.boot", m.boot)
	return mux
}

func (m *machine) ping(w http.ResponseWriter, _ *http.Request) {
	answer(w, chapi.VmmPingResponse{Version: "53.0.0"})
}

func (m *machine) info(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.config == nil:
		refuse(w, http.StatusNotFound, "VM is not created")
	case m.booted:
		answer(w, chapi.VmInfo{Config: *m.config, State: chapi.Running})
	default:
		answer(w, chapi.VmInfo{Config: *m.config, State: chapi.Created})
	}
}

func (m *machine) create(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var config chapi.VmConfig
	if err := json.NewDecoder(r.Body).Decode(&config); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	if m.config != nil {
		refuse(w, http.StatusInternalServerError, "VM is already created")
		return
	}
	m.config = &config
	w.WriteHeader(http.StatusNoContent)
}

func (m *machine) boot(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.config == nil || m.booted {
		refuse(w, http.StatusInternalServerError, "VM is not created, or runs already")
		return
	}
	if err := m.checkFiles(); err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	if err := m.start(); err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	m.booted = true
	w.WriteHeader(http.StatusNoContent)
}

// checkFiles opens what the configuration names, as a VMM does.
func (m *machine) checkFiles() error {
	files := []string{m.config.Payload.Kernel}
	if m.config.Payload.Initramfs != "" {
		files = append(files, m.config.Payload.Initramfs)
	}
	for _, d := range m.config.Disks {
		if d.ImageType != chapi.Raw {
			return fmt.Errorf("disk %s has no image_type", d.Id)
		}
		files = append(files, d.Path)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		_ = f.Close()
	}
	return nil
}

// start boots the guest, in the way that its command line asks for.
func (m *machine) start() error {
	console, err := os.OpenFile(m.config.Serial.File, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = console.Close() }()
	if _, err := fmt.Fprintln(console, "Linux version 6.12.0-test"); err != nil {
		return err
	}
	cmdline := m.config.Payload.Cmdline
	switch {
	case strings.Contains(cmdline, BehavePanic):
		_, err = fmt.Fprintln(console, PanicText)
		return errors.Join(err, m.process.Emit("vm", "booted"), m.process.Emit("guest", "panic"))
	case strings.Contains(cmdline, BehaveExit):
		time.AfterFunc(10*time.Millisecond, m.end) // lets the answer out
		return nil
	case strings.Contains(cmdline, BehaveSilent):
		return m.listen(nil)
	}
	ports := make(map[uint32]net.Listener)
	doors := make(map[uint32]*door)
	for _, port := range m.ports {
		d := newDoor()
		ports[port], doors[port] = d, d
	}
	if err := m.listen(doors); err != nil {
		return err
	}
	go func() {
		if err := m.guest.Serve(m.ctx, ports, m.poweroff); err != nil && m.ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "guest:", err)
		}
	}()
	return m.process.Emit("vm", "booted")
}

// poweroff ends the machine and its VMM.
func (m *machine) poweroff() {
	if err := m.process.Emit("vm", "shutdown"); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	m.end()
}

// listen serves the hybrid-vsock socket.
func (m *machine) listen(doors map[uint32]*door) error {
	l, err := net.Listen("unix", m.config.Vsock.Socket)
	if err != nil {
		return err
	}
	context.AfterFunc(m.ctx, func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go connect(conn, doors)
		}
	}()
	return nil
}

// connect hands a connection to the port that its first line asks for.
func connect(conn net.Conn, doors map[uint32]*door) {
	var line []byte
	for one := make([]byte, 1); len(line) < 32 && !strings.HasSuffix(string(line), "\n"); line = append(line, one...) {
		if _, err := io.ReadFull(conn, one); err != nil {
			_ = conn.Close()
			return
		}
	}
	port, err := strconv.ParseUint(strings.TrimSpace(strings.TrimPrefix(string(line), "CONNECT ")), 10, 32)
	d := doors[uint32(port)]
	if err != nil || d == nil {
		_ = conn.Close()
		return
	}
	if _, err := fmt.Fprintln(conn, "OK 1073741824"); err != nil {
		_ = conn.Close()
		return
	}
	d.enter(conn)
}

// door is a listener that is given its connections.
type door struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func newDoor() *door { return &door{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (d *door) enter(conn net.Conn) {
	select {
	case d.conns <- conn:
	case <-d.closed:
		_ = conn.Close()
	}
}

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	select {
	case conn := <-d.conns:
		return conn, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (d *door) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}

// Addr implements net.Listener.
func (d *door) Addr() net.Addr { return &net.UnixAddr{Name: "guest", Net: "unix"} }

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, cause string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode([]string{cause})
}

