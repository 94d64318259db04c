package suite

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/ci/harness"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardapi"
	sdk "github.com/cardplane/cardplane/openapi/sdk/go"
)

func TestSDKGo(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	s := sharedStack(t)
	card, err := sdk.New(s.Endpoint())
	must(t, err)
	defer func() { _ = card.Close() }()
	shell := func(script string) cardapi.ContainerSpec {
		return cardapi.ContainerSpec{Image: "demo/python", Command: &[]string{"sh", "-c", script}}
	}
	var out, errout bytes.Buffer
	input := strings.Repeat("0123456789abcde\n", 20000)
	passing := shell("cat; echo problem >&2; exit 7")
	passing.AutoRemove = new(true)
	code, err := card.Run(ctx, passing, sdk.Streams{Stdin: strings.NewReader(input), Stdout: &out, Stderr: &errout})
	if err != nil || code != 7 || out.String() != input || errout.String() != "problem\n" {
		t.Errorf("exit code %d, %v, %d bytes of output, errors %q", code, err, out.Len(), &errout)
	}
	if _, err := card.Run(ctx, cardapi.ContainerSpec{Image: "nonesuch"}, sdk.Streams{}); !apierr.Is(err, "image_not_found") {
		t.Errorf("no such image: %v", err)
	}
	execAndFollow(t, card, shell("trap 'echo ended; exit 3' TERM; echo begun; while :; do sleep 0.05; done"))
}

// execAndFollow follows a container that goes on until it is asked to end, with an exec meanwhile.
func execAndFollow(t *testing.T, card *sdk.Client, spec cardapi.ContainerSpec) {
	t.Helper()
	ctx := patient(t)
	resp, err := card.API.CreateContainer(ctx, nil, spec)
	c, err := sdk.Decode[cardapi.Container](ctx, card, resp, err)
	must(t, err)
	resp, err = card.API.StartContainer(ctx, c.Id)
	must(t, sdk.Done(ctx, card, resp, err))
	records, err := card.Logs(ctx, c.Id, &cardapi.GetLogsParams{Follow: new(true)})
	must(t, err)
	defer func() { _ = records.Close() }()
	expect := func(want string) {
		t.Helper()
		if record, err := records.Next(ctx); err != nil || string(record.Data) != want {
			t.Errorf("log %q, %v, want %q", record.Data, err, want)
		}
	}
	expect("begun\n")
	var out bytes.Buffer
	code, err := card.Exec(ctx, c.Id, cardapi.ExecSpec{Command: []string{"sh", "-c", "echo done; exit 5"}}, sdk.Streams{Stdout: &out})
	if err != nil || code != 5 || out.String() != "done\n" {
		t.Errorf("exec: exit code %d, %v, output %q", code, err, &out)
	}
	resp, err = card.API.KillContainer(ctx, c.Id, cardapi.ContainerKill{Signal: new("SIGTERM")})
	must(t, sdk.Done(ctx, card, resp, err))
	expect("ended\n")
	if _, err := records.Next(ctx); !errors.Is(err, io.EOF) {
		t.Errorf("the log does not end: %v", err)
	}
	ended, err := card.Wait(ctx, c.Id, cardapi.WaitNotRunning)
	if err != nil || ended.ExitCode == nil || *ended.ExitCode != 3 {
		t.Errorf("%+v, %v", ended, err)
	}
	resp, err = card.API.DeleteContainer(ctx, c.Id, nil)
	must(t, sdk.Done(ctx, card, resp, err))
}

// The SDKs of other languages have tests of their own, which are run against
// the stack.

func TestSDKTypeScript(t *testing.T) {
	t.Parallel()
	s := sharedStack(t)
	tests := builtSDK(t, "typescript/dist/test/guest.test.js")
	runSDKTest(t, s, exec.CommandContext(patient(t), "node", "--test", tests))
}

func TestSDKPython(t *testing.T) {
	t.Parallel()
	s := sharedStack(t)
	cmd := exec.CommandContext(patient(t), builtSDK(t, "venv/bin/python"), "-B", "-m", "unittest", "-v", "tests.test_guest")
	cmd.Dir = filepath.Join(harness.Root(), "openapi", "sdk", "python")
	runSDKTest(t, s, cmd)
}

// builtSDK returns the path of something that `make sdk` builds.
func builtSDK(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(harness.Root(), "build", "sdk", name)
	if _, err := os.Stat(path); err != nil {
		t.Skip("the TypeScript and Python SDKs are not built; build them with: make sdk")
	}
	return path
}

func runSDKTest(t *testing.T, s *harness.Stack, cmd *exec.Cmd) {
	t.Helper()
	cmd.Env = append(os.Environ(), "CARDPLANE_HOST="+s.Endpoint())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
}
