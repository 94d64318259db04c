// Package vmtest is a compute host for tests of the control plane. A real vmmd
// (package hosttest) spawns a process that speaks the API, the events and the
// hybrid-vsock socket of Cloud Hypervisor as far as package sandbox drives
// them, and that outlives the control plane and can be killed like any VMM. In
// place of a guest it leads to a guest agent that the test runs (see
// [Agents]).
package vmtest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
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
	// BehaveUnfit keeps a machine that was restored from coming up.
	BehaveUnfit = "behave=unfit"
)

// PanicText is what a guest that panics writes to its console last.
const PanicText = "Kernel panic - not syncing: VFS: Unable to mount root fs"

// BecomeVMM is hosttest.BecomeVMM for the VMM of this package: the first thing
// in a TestMain.
func BecomeVMM() {
	hosttest.BecomeVMM(func(ctx context.Context, v *hosttest.VMM) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		m := &machine{process: v, ctx: ctx, end: cancel}
		if err := v.Emit("vmm", "starting"); err != nil {
			return err
		}
		return v.ServeAPI(ctx, m.handler())
	})
}

// machine is the VMM's one virtual machine.
type machine struct {
	process *hosttest.VMM
	ctx     context.Context
	end     context.CancelFunc

	mu     sync.Mutex
	config *chapi.VmConfig
	booted bool
	paused bool
}

func (m *machine) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/vm.info", m.info)
	mux.HandleFunc("PUT /api/v1/vm.create", m.create)
	mux.HandleFunc("PUT /api/v1/vm.boot", m.boot)
	m.handleSnapshots(mux)
	return mux
}

func (m *machine) info(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.config == nil:
		refuse(w, http.StatusNotFound, "VM is not created")
	case m.paused:
		answer(w, chapi.VmInfo{Config: *m.config, State: chapi.Paused})
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
		return m.listen("")
	}
	_, agents, _ := strings.Cut(cmdline, agentsWord)
	agent, err := m.join(agents)
	if err != nil {
		return err
	}
	if err := m.listen(agent); err != nil {
		return err
	}
	return m.process.Emit("vm", "booted")
}

// join asks the test for an agent of this machine's own, and returns its
// socket. The test says on the same connection when the agent powers off.
func (m *machine) join(agents string) (string, error) {
	conn, err := net.Dial("unix", agents)
	if err != nil {
		return "", err
	}
	context.AfterFunc(m.ctx, func() { _ = conn.Close() })
	lines := bufio.NewScanner(conn)
	if !lines.Scan() {
		return "", fmt.Errorf("the test has no agent: %w", lines.Err())
	}
	socket := lines.Text()
	go func() {
		if lines.Scan() && lines.Text() == poweredOff {
			m.poweroff()
		}
	}()
	return socket, nil
}

// poweroff ends the machine and its VMM.
func (m *machine) poweroff() {
	if err := m.process.Emit("vm", "shutdown"); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	m.end()
}

// listen serves the hybrid-vsock socket by leading it to agent's, or nowhere.
func (m *machine) listen(agent string) error {
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
			go relay(conn.(*net.UnixConn), agent)
		}
	}()
	return nil
}

// relay joins conn and the agent's socket until both ways have ended.
func relay(conn *net.UnixConn, agent string) {
	defer func() { _ = conn.Close() }()
	if agent == "" {
		return
	}
	to, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: agent, Net: "unix"})
	if err != nil {
		return
	}
	defer func() { _ = to.Close() }()
	var ways sync.WaitGroup
	ways.Go(func() {
		_, _ = io.Copy(to, conn)
		_ = to.CloseWrite()
	})
	ways.Go(func() {
		_, _ = io.Copy(conn, to)
		_ = conn.CloseWrite()
	})
	ways.Wait()
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, cause string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode([]string{cause})
}
