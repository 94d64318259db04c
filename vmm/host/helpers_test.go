package host_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/hosttest"
	"github.com/cardplane/cardplane/vmm/link"
)

var emptySpec = hostapi.VMSpec{
	Vmm: hostapi.VMMChoiceAuto, Attachments: []hostapi.Attachment{}, Labels: map[string]string{},
}

// bed is a host and a link to it.
type bed struct {
	*testing.T
	host *hosttest.Host
	link *link.Link
	ctx  context.Context
}

func newBed(t *testing.T) *bed {
	t.Helper()
	h := hosttest.New(t, nil)
	return &bed{T: t, host: h, link: h.Link(), ctx: t.Context()}
}

// start makes a VM that must come up.
func (b *bed) start(id string) hostapi.VM {
	b.Helper()
	vm, err := b.link.PutVM(b.ctx, id, emptySpec)
	if err != nil {
		b.Fatalf("start %s: %+v", id, err)
	}
	if vm.State != hostapi.Running {
		b.Fatalf("start %s: state %s", id, vm.State)
	}
	return vm
}

// tell sends a command to a VM's VMM, through a tunnel, and returns the answer.
func (b *bed) tell(id, command string, args ...string) string {
	b.Helper()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return b.link.Tunnel(ctx, id, hostapi.Api)
		},
	}}
	query := url.Values{}
	for i := 0; i < len(args); i += 2 {
		query.Set(args[i], args[i+1])
	}
	resp, err := client.Get("http://vmm/" + command + "?" + query.Encode())
	if command == "exit" {
		return ""
	}
	if err != nil {
		b.Fatalf("tell %s %s: %v", id, command, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.Fatalf("tell %s %s: %s %q %v", id, command, resp.Status, body, err)
	}
	return string(body)
}

// wantCode fails unless err carries an *apierr.Error with code.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if !apierr.Is(err, code) {
		t.Fatalf("got %v, want code %s", err, code)
	}
}

// processes returns the pids of the VMMs, and of their children, of a host.
func (b *bed) processes() []string {
	b.Helper()
	return b.processesOf(b.host.Config.RunDir)
}

func (b *bed) processesOf(runDir string) []string {
	b.Helper()
	var pids []string
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		b.Fatal(err)
	}
	for _, dir := range dirs {
		env, err := os.ReadFile(filepath.Join(dir, "environ"))
		if err == nil && strings.Contains("\x00"+string(env), "\x00CARDPLANE_VM="+runDir) {
			pids = append(pids, filepath.Base(dir))
		}
	}
	return pids
}

// wantNothingLeft fails if a process, run directory or link of a VM exists.
func (b *bed) wantNothingLeft() {
	b.Helper()
	if pids := b.processes(); len(pids) > 0 {
		b.Errorf("processes left: %v", pids)
	}
	for _, dir := range []string{filepath.Join(b.host.Config.RunDir, "vm"), filepath.Join(b.host.Config.DataDir, "attached")} {
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			b.Errorf("directories left: %v %v", entries, err)
		}
	}
}

func ptr[T any](v T) *T { return &v }

func alive(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(data), ") Z ")
}
