// Package harness runs a whole Cardplane on one machine for tests, the demo
// and benchmarks: vmmd and cardplaned as the processes that users run, in a
// directory of their own, and cardctl beside them.
//
// # Promise
//
// [Stack.Close] leaves nothing: it removes every container, stops the
// daemons, and then looks for what is left — a process that has the stack's
// directory among its arguments, a mount below it — and reports that as an
// error after ending it.
//
// # Split
//
// Card and host share the link and no file: where the caller may make mount
// namespaces, cardplaned runs in one in which vmmd's directories are empty, and
// vmmd in one in which the card's and the guest artefacts are. So nothing works
// by chance because both are on one machine.
//
// vmmd has a network namespace of its own too, so that nothing that a test
// does reaches the machine's own network. [Stack.OnHost] runs what has to be in
// it.
package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/httpclient"
	"github.com/cardplane/cardplane/vmm/link"
	"github.com/cardplane/cardplane/vmm/link/linktest"
)

// Config says what to run.
type Config struct {
	// Bin is the directory of the built binaries.
	Bin string
	// Guest is the directory of the guest artefacts.
	Guest string
	// CardArgs and HostArgs are further arguments of cardplaned and vmmd. A
	// flag given here wins over the harness's own.
	CardArgs, HostArgs []string
	// HostEnv is vmmd's environment; nil means the caller's.
	HostEnv []string
	// Relay puts Stack.Wire between card and host.
	Relay bool
	// Reachable leaves vmmd in the caller's network namespace, for a link over
	// TCP. There it may make no networks.
	Reachable bool
	// Unprivileged keeps vmmd from making networks, and has the card, on which
	// they run instead, in vmmd's network namespace. It is for this machine.
	Unprivileged bool
	// ComputeHost is the directory of a compute host that is up (see package
	// computehost), in which vmmd is to run; "" for this machine.
	ComputeHost string
}

// These guard against what hangs. They are far beyond what anything takes on a
// machine that is busy with other guests.
const (
	// startTimeout bounds how long a daemon may take until it answers, or ends.
	startTimeout = 2 * time.Minute
	// nestedBootTimeout bounds how long a guest of a compute host that may be
	// emulated takes to boot, beside seven others.
	nestedBootTimeout = 4 * time.Minute
	// closeTimeout bounds the end of a stack with its containers.
	closeTimeout = 5 * time.Minute
)

// Stack is a running Cardplane. It is for one goroutine at a time.
type Stack struct {
	// Dir holds all that the stack makes.
	Dir string
	// Client speaks to cardplaned's public API.
	Client *httpclient.Client
	// Wire is what the link goes through, to be cut and measured; nil unless
	// Config.Relay asks for it.
	Wire *linktest.Cutter

	cfg  Config
	host machine
	card *daemon
}

// Start starts vmmd and cardplaned and returns once both answer.
func Start(ctx context.Context, cfg Config) (*Stack, error) {
	// Socket paths are bounded at 108 bytes, so the directory's is short.
	dir, err := os.MkdirTemp("", "cp-")
	if err != nil {
		return nil, err
	}
	// VMMs run as users of their own and have to pass.
	if err := os.Chmod(dir, 0o711); err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	s := &Stack{Dir: dir, cfg: cfg}
	s.opened()
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, s.Close(context.WithoutCancel(ctx)))
	}
	if s.Client, err = httpclient.New(s.Endpoint()); err == nil {
		err = errors.Join(s.StartHost(ctx), s.StartCard(ctx))
	}
	if err != nil {
		return nil, errors.Join(err, s.Close(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// prepare makes the daemons and the link between them, and starts neither.
func (s *Stack) prepare() (err error) {
	dir, cfg := s.Dir, s.cfg
	cardDir := filepath.Join(dir, "card")
	local := newHere(dir, cfg)
	s.host = local
	if cfg.ComputeHost != "" {
		s.host = newRemote(dir, cfg)
	}
	endpoint := s.host.endpoint()
	if cfg.Relay {
		if s.Wire, err = linktest.New(filepath.Join(dir, "wire.sock"), s.host.dial()); err != nil {
			return err
		}
		endpoint = s.Wire.Endpoint()
	}
	s.card = &daemon{name: "cardplaned", dir: dir, path: filepath.Join(cfg.Bin, "cardplaned"), args: append([]string{
		"--listen", s.Endpoint(), "--link", endpoint, "--data-dir", cardDir, "--guest", cfg.Guest,
		"--templates", "0", // made behind a test's back, they would take its processors
	}, cfg.CardArgs...)}
	if cfg.ComputeHost != "" {
		s.card.args = append([]string{"--boot-timeout", nestedBootTimeout.String()}, s.card.args...)
		return nil // two machines need no curtain
	}
	err = errors.Join(local.hide(cardDir, cfg.Guest), local.apart(cfg.Reachable, cfg.Unprivileged), s.card.hide(filepath.Join(dir, "run"), filepath.Join(dir, "host")))
	if cfg.Unprivileged {
		s.card.path, s.card.args = local.net.command(s.card.path, s.card.args)
	}
	return err
}

// Endpoint is the address of the public API.
func (s *Stack) Endpoint() string { return "unix://" + filepath.Join(s.Dir, "card.sock") }

// Link returns the card's side of the link to this stack's host. The caller
// closes it.
func (s *Stack) Link() (*link.Link, error) { return link.Open(s.host.endpoint()) }

// StartHost starts vmmd, and StartCard cardplaned, after a kill.
func (s *Stack) StartHost(ctx context.Context) error {
	return s.host.start(ctx)
}

// StartCard starts cardplaned and returns once it answers.
func (s *Stack) StartCard(ctx context.Context) error {
	return s.card.start(ctx, func(ctx context.Context) error {
		_, err := s.Client.System().VersionInfo(ctx)
		return err
	})
}

// Remote tells that the compute host is a machine of its own.
func (s *Stack) Remote() bool { return s.cfg.ComputeHost != "" }

// VMs returns the process ids of the stack's virtual machine monitors, on the
// host's machine.
func (s *Stack) VMs() []int { return s.host.vms() }

// KillVM kills one of VMs with SIGKILL.
func (s *Stack) KillVM(pid int) error { return s.host.killVM(pid) }

// OnHost runs a shell script on the host's machine and returns its output; an
// exit status other than 0 is an error.
func (s *Stack) OnHost(script string) (string, error) { return s.host.run(script) }

// HostData is vmmd's data directory, on the host's machine.
func (s *Stack) HostData() string { return s.host.data() }

// KillHost kills vmmd with SIGKILL and waits for its end.
func (s *Stack) KillHost() error { return s.host.kill() }

// KillCard kills cardplaned with SIGKILL and waits for its end.
func (s *Stack) KillCard() error { return s.card.kill() }

// HostPID and CardPID are the daemons' process ids, each on its machine.
func (s *Stack) HostPID() int { return s.host.pid() }

// CardPID is cardplaned's process id.
func (s *Stack) CardPID() int { return s.card.pid() }

// Cardctl returns a cardctl command that speaks to this stack.
func (s *Stack) Cardctl(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.cfg.Bin, "cardctl"), args...)
	cmd.Env = append(os.Environ(), "CARDPLANE_HOST="+s.Endpoint())
	return cmd
}

// Close removes all containers, stops the daemons, deletes the directory and
// reports what had been left behind.
func (s *Stack) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	var errs []error
	if s.Wire != nil {
		s.Wire.Resume()
		errs = append(errs, s.Wire.Up())
	}
	if s.card.running() {
		errs = append(errs, s.removeContainers(ctx))
	}
	if s.Client != nil {
		errs = append(errs, s.Client.Close())
	}
	errs = append(errs, s.card.stop(), s.host.stop())
	if s.Wire != nil {
		errs = append(errs, s.Wire.Close())
	}
	errs = append(errs, s.host.clear(), reap(s.Dir), os.RemoveAll(s.Dir))
	s.closed()
	return errors.Join(errs...)
}

func (s *Stack) removeContainers(ctx context.Context) error {
	if !s.host.running() {
		if err := s.StartHost(ctx); err != nil {
			return err
		}
	}
	containers, err := s.Client.Containers().List(ctx, cardplane.ContainerFilter{All: true})
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	var errs []error
	for _, c := range containers {
		if err := s.Client.Containers().Remove(ctx, c.ID, true, ""); err != nil {
			errs = append(errs, fmt.Errorf("remove container %s: %w", c.Name, err))
		}
	}
	return errors.Join(errs...)
}

// Guest is the directory of the guest artefacts.
func (s *Stack) Guest() string { return s.cfg.Guest }

// Bin is the directory of the binaries.
func (s *Stack) Bin() string { return s.cfg.Bin }
