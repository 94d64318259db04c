package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cardplane/cardplane/ci/computehost"
	"github.com/cardplane/cardplane/vmm/link/linktest"
)

// vmMark is how vmmd marks a VMM and what that starts: the value is a
// directory of the VM's, below vmmd's run directory.
const vmMark = "CARDPLANE_VM="

// remote is a vmmd of the stack's own in a compute host that is up. Its
// directories there are named after the stack's, so stacks do not meet.
type remote struct {
	host computehost.Client
	name string // of the directories in the host
	port uint32 // of vmmd
	args []string
	logs string // file on this machine

	mu      sync.Mutex
	process int           // vmmd's id; 0 while it is not known
	done    chan struct{} // closed when vmmd has ended; nil before the first start
}

// commandTimeout bounds a command in the host.
const commandTimeout = 3 * time.Minute

func newRemote(dir string, cfg Config) *remote {
	// Ports of the host that nothing else there listens on.
	const firstPort, ports = 10_000, 1 << 20
	return &remote{
		host: computehost.Client{Dir: cfg.ComputeHost}, name: filepath.Base(dir), port: firstPort + rand.Uint32N(ports),
		args: cfg.HostArgs, logs: filepath.Join(dir, "vmmd.log"),
	}
}

func (r *remote) endpoint() string { return r.host.EndpointOf(r.port) }

func (r *remote) dial() linktest.Dial {
	return func(ctx context.Context) (net.Conn, error) { return r.host.Dial(ctx, r.port) }
}

func (r *remote) runDir() string { return "/run/" + r.name }
func (r *remote) data() string   { return "/var/lib/cardplane/" + r.name }

// start runs vmmd as a command that lasts; its output is vmmd's log.
func (r *remote) start(ctx context.Context) error {
	log, err := os.OpenFile(r.logs, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	args := append([]string{"--listen", fmt.Sprintf("vsock://:%d", r.port), "--run-dir", r.runDir(), "--data-dir", r.data()}, r.args...)
	done := make(chan struct{})
	r.mu.Lock()
	r.process, r.done = 0, done
	r.mu.Unlock()
	go func() {
		defer close(done)
		_, err := r.host.Run(context.Background(), "exec /usr/bin/vmmd '"+strings.Join(args, "' '")+"'", nil, log)
		if err != nil {
			_, _ = fmt.Fprintln(log, err)
		}
		_ = log.Close()
	}()
	if err := r.await(ctx, done); err != nil {
		return err
	}
	pids, err := r.find("vmmd")
	if err != nil || len(pids) != 1 {
		return errors.Join(fmt.Errorf("vmmd's process ids are %v", pids), err)
	}
	r.mu.Lock()
	r.process = pids[0]
	r.mu.Unlock()
	return nil
}

func (r *remote) await(ctx context.Context, done <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		conn, err := r.host.Dial(ctx, r.port)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("vmmd does not answer: %w\n%s", err, r.log())
		case <-done:
			return fmt.Errorf("vmmd ended at once:\n%s", r.log())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (r *remote) running() bool {
	r.mu.Lock()
	done := r.done
	r.mu.Unlock()
	if done == nil {
		return false
	}
	select {
	case <-done:
		return false
	default:
		return true
	}
}

func (r *remote) pid() int {
	if !r.running() {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.process
}

func (r *remote) kill() error { return r.signal("KILL") }

func (r *remote) stop() error {
	if err := r.signal("TERM"); err != nil {
		return errors.Join(err, r.kill())
	}
	return nil
}

func (r *remote) signal(name string) error {
	pid := r.pid()
	if pid == 0 {
		return nil
	}
	if _, err := r.run(fmt.Sprintf("kill -%s %d", name, pid)); err != nil {
		return err
	}
	select {
	case <-r.done:
		return nil
	case <-time.After(startTimeout):
		return fmt.Errorf("vmmd does not end on SIG%s\n%s", name, r.log())
	}
}

func (r *remote) log() string {
	text, err := os.ReadFile(r.logs)
	if err != nil {
		return fmt.Sprintf("--- vmmd in the compute host: no log: %v\n", err)
	}
	return fmt.Sprintf("--- vmmd in the compute host\n%s", text)
}

func (r *remote) kernelLog() string {
	out, err := r.run("dmesg | tail -n 20")
	if err != nil {
		return fmt.Sprintf("--- kernel of the compute host: %v\n", err)
	}
	return fmt.Sprintf("--- kernel of the compute host\n%s", out)
}

// run runs a short script in the host, which has to succeed.
func (r *remote) run(script string) (string, error) { return r.feed(script, nil) }

// feed is run with an input.
func (r *remote) feed(script string, input io.Reader) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	var out bytes.Buffer
	status, err := r.host.Run(ctx, script, input, &out)
	if err == nil && status != 0 {
		err = fmt.Errorf("%s: exit status %d: %s", script, status, out.String())
	}
	return out.String(), err
}

// listProcesses reads the name of a stack and prints a line for each process
// that may be of it: its id, its VM's mark without blanks, if it has one, and
// its command line. One program looks at all processes, because the host is
// slow at starting programs.
const listProcesses = `read -r name
for p in $(grep -zlsF "/$name" /proc/[0-9]*/environ /proc/[0-9]*/cmdline | cut -d/ -f3 | sort -u); do
	[ -d /proc/$p ] || continue
	echo "$p $(tr '\0' '\n' </proc/$p/environ 2>/dev/null | grep -m1 ^` + vmMark + ` || echo -) $(tr '\0' ' ' </proc/$p/cmdline 2>/dev/null)"
done`

// find returns the processes of the host that run one of programs, or any for
// none, and were started for the stack.
func (r *remote) find(programs ...string) (pids []int, err error) {
	out, err := r.feed(listProcesses, strings.NewReader(r.name+"\n"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(out) {
		if id, ok := ofStack(line, r.name, programs); ok {
			pids = append(pids, id)
		}
	}
	return pids, nil
}

// ofStack reads a line of listProcesses.
func ofStack(line, stack string, programs []string) (pid int, ok bool) {
	words := strings.Fields(line)
	if len(words) < 3 || !strings.Contains(line, "/"+stack+"/") && !strings.Contains(line, "/"+stack+" ") {
		return 0, false
	}
	pid, err := strconv.Atoi(words[0])
	if err != nil {
		return 0, false
	}
	return pid, len(programs) == 0 || slices.Contains(programs, filepath.Base(words[2]))
}

func (r *remote) vms() []int {
	pids, err := r.find("cloud-hypervisor")
	if err != nil {
		return []int{0} // a host that does not answer has not none
	}
	return pids
}

func (r *remote) killVM(pid int) error {
	_, err := r.run(fmt.Sprintf("kill -KILL %d", pid))
	return err
}

func (r *remote) clear() error {
	left, err := r.find()
	errs := []error{err}
	for _, pid := range left {
		errs = append(errs, fmt.Errorf("process %d was left behind in the compute host", pid), r.killVM(pid))
	}
	mounts, err := r.run(fmt.Sprintf("grep -F -e ' %s/' -e ' %s/' /proc/mounts || true", r.runDir(), r.data()))
	if errs = append(errs, err); mounts != "" {
		errs = append(errs, fmt.Errorf("mounts were left behind in the compute host: %s", mounts))
	}
	_, err = r.run(fmt.Sprintf("rm -rf %s %s", r.runDir(), r.data()))
	return errors.Join(append(errs, err)...)
}
