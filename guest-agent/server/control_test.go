package server_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

func TestRun(t *testing.T) {
	c := start(t)
	view := c.mustPut("c1", shell("echo out; echo err >&2; exit 7"))
	if view.Pid == 0 || view.StartedAt.IsZero() {
		t.Fatalf("started: %+v", view)
	}
	if got, _ := c.open("c1", "", guestwire.Stdout, 0).readAll(); got != "out\n" {
		t.Errorf("stdout %q", got)
	}
	if got, _ := c.open("c1", "", guestwire.Stderr, 0).readAll(); got != "err\n" {
		t.Errorf("stderr %q", got)
	}
	view = c.wait("c1")
	if view.State != guestapi.StateExited || view.ExitCode != 7 || view.Signal != 0 || view.FinishedAt.IsZero() {
		t.Fatalf("exited: %+v", view)
	}
	// The status stays until it is deleted.
	if again, err := c.get("c1"); err != nil || again.ExitCode != 7 {
		t.Fatalf("%+v, %v", again, err)
	}
	if err := c.delete("c1", false); err != nil {
		t.Fatal(err)
	}
	if _, err := c.get("c1"); !apierr.Is(err, "container_not_found") {
		t.Fatalf("deleted: %v", err)
	}
}

func TestPutIsIdempotent(t *testing.T) {
	c := start(t)
	config := shell("exec sleep 1000")
	first := c.mustPut("c1", config)
	resp, err := c.api.PutContainer(t.Context(), "c1", &guestapi.PutContainerParams{CardplaneEpoch: 1}, config)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", resp, err)
	}
	again, err := apierr.Decode[guestapi.Container](resp, err)
	if err != nil || again.Pid != first.Pid {
		t.Fatalf("%+v, %v", again, err)
	}
	if _, err := c.put("c1", shell("true")); !apierr.Is(err, "container_exists") {
		t.Fatalf("another configuration: %v", err)
	}
}

// The same request, sent many times at once, starts one program.
func TestConcurrentPuts(t *testing.T) {
	c := start(t)
	const n = 8
	pids := make(chan int, n)
	for range n {
		go func() {
			view, err := c.put("c1", shell("exec sleep 1000"))
			if err != nil {
				t.Error(err)
			}
			pids <- view.Pid
		}()
	}
	first := <-pids
	for range n - 1 {
		if pid := <-pids; pid != first {
			t.Errorf("pids %d and %d", first, pid)
		}
	}
}

func TestStartFailuresLeaveNothing(t *testing.T) {
	c := start(t)
	for command, code := range map[string]string{"/nonexistent": "command_not_found", "/etc/passwd": "command_not_executable"} {
		config := shell("")
		config.Spec.Process = process(command)
		if _, err := c.put("c1", config); !apierr.Is(err, code) {
			t.Errorf("%s: %v", command, err)
		}
		if _, err := c.get("c1"); !apierr.Is(err, "container_not_found") {
			t.Errorf("%s: is left: %v", command, err)
		}
	}
	c.mustPut("c1", shell("true"))
}

func TestBadConfigurations(t *testing.T) {
	c := start(t)
	for name, tc := range map[string]struct {
		change func(*guestapi.ContainerConfig)
		field  string
	}{
		"no process":    {func(c *guestapi.ContainerConfig) { c.Spec.Process = nil }, "/spec/process"},
		"no command":    {func(c *guestapi.ContainerConfig) { c.Spec.Process.Args = nil }, "/spec/process/args"},
		"relative cwd":  {func(c *guestapi.ContainerConfig) { c.Spec.Process.Cwd = "x" }, "/spec/process/cwd"},
		"no image":      {func(c *guestapi.ContainerConfig) { c.Rootfs.Image.Device = "" }, "/rootfs/image/device"},
		"long serial":   {func(c *guestapi.ContainerConfig) { c.Rootfs.Image.Device = strings.Repeat("x", 21) }, "/rootfs/image/device"},
		"no disk":       {func(c *guestapi.ContainerConfig) { c.Rootfs.Writable.Kind = "disk" }, "/rootfs/writable/device"},
		"odd kind":      {func(c *guestapi.ContainerConfig) { c.Rootfs.Writable.Kind = "tape" }, "/rootfs/writable/kind"},
		"negative size": {func(c *guestapi.ContainerConfig) { c.Rootfs.Writable.SizeBytes = -1 }, "/rootfs/writable/sizeBytes"},
		"unclean path":  {func(c *guestapi.ContainerConfig) { c.Files = []guestapi.File{{Path: "/etc/../x"}} }, "/files/0/path"},
		"odd mode":      {func(c *guestapi.ContainerConfig) { c.Files = []guestapi.File{{Path: "/x", Mode: 0o1000}} }, "/files/0/mode"},
		"large file": {func(c *guestapi.ContainerConfig) {
			c.Files = []guestapi.File{{Path: "/x", ContentBase64: make([]byte, 1<<20+1)}}
		}, "/files"},
		"odd stdin":      {func(c *guestapi.ContainerConfig) { c.Stdin = "ajar" }, "/stdin"},
		"odd policy":     {func(c *guestapi.ContainerConfig) { c.WhenFull = "burn" }, "/whenFull"},
		"huge buffer":    {func(c *guestapi.ContainerConfig) { c.OutputBufferBytes = 1 << 40 }, "/outputBufferBytes"},
		"minus terminal": {func(c *guestapi.ContainerConfig) { c.Terminal.Rows = -1 }, "/terminal"},
	} {
		t.Run(name, func(t *testing.T) {
			config := shell("true")
			tc.change(&config)
			_, err := c.put("c1", config)
			if !apierr.Is(err, "invalid_config") || apierr.From(err).Field != tc.field {
				t.Fatalf("got %v at %q", err, apierr.From(err).Field)
			}
		})
	}
	if _, err := c.put("..", shell("true")); err == nil {
		t.Error("an id of dots was taken")
	}
	if _, err := c.put("-x", shell("true")); !apierr.Is(err, "bad_request") {
		t.Errorf("id: %v", err)
	}
}

func TestKill(t *testing.T) {
	c := start(t)
	c.mustPut("c1", shell("exec sleep 1000"))
	if err := c.kill("c1", 65, false); !apierr.Is(err, "bad_request") {
		t.Errorf("signal 65: %v", err)
	}
	if err := c.delete("c1", false); !apierr.Is(err, "container_running") {
		t.Errorf("delete of a running one: %v", err)
	}
	if err := c.kill("c1", 15, false); err != nil {
		t.Fatal(err)
	}
	if view := c.wait("c1"); view.ExitCode != 143 || view.Signal != 15 {
		t.Fatalf("%+v", view)
	}
	if err := c.kill("c1", 9, false); !apierr.Is(err, "container_not_running") {
		t.Errorf("kill of an exited one: %v", err)
	}
	if err := c.kill("c2", 9, false); !apierr.Is(err, "container_not_found") {
		t.Errorf("kill of none: %v", err)
	}
	c.mustPut("c2", shell("sleep 1000 & wait"))
	if err := c.kill("c2", 9, true); err != nil {
		t.Fatal(err)
	}
	if view := c.wait("c2"); view.Signal != 9 {
		t.Fatalf("%+v", view)
	}
}

func TestWaitIsBounded(t *testing.T) {
	c := start(t)
	c.mustPut("c1", shell("exec sleep 1000"))
	view, err := apierr.Decode[guestapi.Container](c.api.WaitContainer(t.Context(), "c1", &guestapi.WaitContainerParams{}))
	if err != nil || view.State != guestapi.StateRunning {
		t.Fatalf("%+v, %v", view, err)
	}
	if err := apierr.Done(c.api.WaitContainer(t.Context(), "c1", &guestapi.WaitContainerParams{TimeoutSeconds: 3601})); !apierr.Is(err, "bad_request") {
		t.Fatalf("got %v", err)
	}
}

func TestForceDelete(t *testing.T) {
	c := start(t)
	c.mustPut("c1", shell("exec sleep 1000"))
	if _, err := c.putExec("c1", "e1", guestapi.ExecConfig{Process: *process("sleep", "1000")}); err != nil {
		t.Fatal(err)
	}
	if err := c.delete("c1", true); err != nil {
		t.Fatal(err)
	}
	if list, err := apierr.Decode[[]guestapi.Container](c.api.ListContainers(t.Context())); err != nil || len(list) != 0 {
		t.Fatalf("%v, %v", list, err)
	}
}

func TestEpochs(t *testing.T) {
	c := start(t)
	c.epoch = 5
	c.mustPut("c1", shell("exec sleep 1000"))
	c.epoch = 4
	if err := c.kill("c1", 9, false); !apierr.Is(err, "stale_epoch") {
		t.Errorf("lower: %v", err)
	}
	if _, err := c.tryOpen(guestwire.StreamRequest{Epoch: 4, Container: "c1", Stream: guestwire.Stdout}); !apierr.Is(err, "stale_epoch") {
		t.Errorf("lower on a stream: %v", err)
	}
	if _, err := c.get("c1"); err != nil {
		t.Errorf("reading needs none: %v", err)
	}
	c.epoch = 0
	if err := c.kill("c1", 9, false); !apierr.Is(err, "missing_epoch") {
		t.Errorf("none: %v", err)
	}
	c.epoch = 6
	if err := c.kill("c1", 9, false); err != nil {
		t.Errorf("higher: %v", err)
	}
	info, err := apierr.Decode[guestapi.Info](c.api.GetInfo(t.Context()))
	if err != nil || info.Epoch != 6 {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestExec(t *testing.T) {
	c := start(t)
	c.mustPut("c1", shell("exec sleep 1000"))
	config := guestapi.ExecConfig{Process: *process("/bin/sh", "-c", "echo hi; exit 3")}
	view, err := c.putExec("c1", "e1", config)
	if err != nil || view.ContainerId != "c1" {
		t.Fatalf("%+v, %v", view, err)
	}
	if got, _ := c.open("c1", "e1", guestwire.Stdout, 0).readAll(); got != "hi\n" {
		t.Errorf("stdout %q", got)
	}
	if view := c.waitExec("c1", "e1"); view.ExitCode != 3 {
		t.Errorf("%+v", view)
	}
	if again, err := c.putExec("c1", "e1", config); err != nil || again.State != guestapi.StateExited {
		t.Errorf("repeated: %+v, %v", again, err)
	}
	if _, err := c.putExec("c1", "e1", guestapi.ExecConfig{Process: *process("true")}); !apierr.Is(err, "exec_exists") {
		t.Errorf("another: %v", err)
	}
	if _, err := c.putExec("c1", "e2", guestapi.ExecConfig{Process: *process("/nonexistent")}); !apierr.Is(err, "command_not_found") {
		t.Errorf("not found: %v", err)
	}
	if list, err := apierr.Decode[[]guestapi.Exec](c.api.ListExecs(t.Context(), "c1")); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	params := &guestapi.DeleteExecParams{CardplaneEpoch: 1}
	if err := apierr.Done(c.api.DeleteExec(t.Context(), "c1", "e1", params)); err != nil {
		t.Error(err)
	}
	if err := apierr.Done(c.api.GetExec(t.Context(), "c1", "e1")); !apierr.Is(err, "exec_not_found") {
		t.Errorf("deleted: %v", err)
	}
}

// The answer to putExec tells of first bytes and of the end, and of nothing
// else.
func TestExecIsWatched(t *testing.T) {
	c := start(t)
	c.mustPut("c1", shell("exec sleep 1000"))
	config := guestapi.ExecConfig{Process: *process("/bin/sh", "-c", "read x; echo $x; read y; exit 3"), Stdin: guestapi.StdinOpen}
	next, done, err := c.watchExec("c1", "e1", config)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	stdin := c.open("c1", "e1", guestwire.Stdin, 0)
	want := func(ok func(guestapi.Exec) bool) {
		t.Helper()
		view, err := next()
		for err == nil && !ok(view) {
			view, err = next()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	want(func(e guestapi.Exec) bool { return e.State == guestapi.StateRunning && e.Stdout.Written == 0 })
	stdin.write("hello\n")
	want(func(e guestapi.Exec) bool { return e.State == guestapi.StateRunning && e.Stdout.Written == 6 })
	stdin.write("\n")
	want(func(e guestapi.Exec) bool { return e.State == guestapi.StateExited && e.ExitCode == 3 })
	for err == nil {
		_, err = next()
	}
	if !errors.Is(err, io.EOF) {
		t.Fatalf("the answer was cut: %v", err)
	}
}

func TestExecOfAnExitedContainer(t *testing.T) {
	c := start(t)
	c.mustPut("c1", shell("true"))
	c.wait("c1")
	if _, err := c.putExec("c1", "e1", guestapi.ExecConfig{Process: *process("true")}); !apierr.Is(err, "container_not_running") {
		t.Fatalf("got %v", err)
	}
}

// The end of a container ends its execs, and their statuses are known.
func TestExecsEndWithTheContainer(t *testing.T) {
	c := start(t)
	c.mustPut("c1", shell("exec sleep 1000"))
	if _, err := c.putExec("c1", "e1", guestapi.ExecConfig{Process: *process("sleep", "1000")}); err != nil {
		t.Fatal(err)
	}
	params := &guestapi.DeleteExecParams{CardplaneEpoch: 1}
	if err := apierr.Done(c.api.DeleteExec(t.Context(), "c1", "e1", params)); !apierr.Is(err, "exec_running") {
		t.Errorf("delete of a running one: %v", err)
	}
	if err := c.kill("c1", 9, false); err != nil {
		t.Fatal(err)
	}
	if view := c.waitExec("c1", "e1"); view.Signal != 9 {
		t.Fatalf("%+v", view)
	}
}

func TestRenew(t *testing.T) {
	c := start(t)
	renew := func(bytes int, now time.Time) error {
		return apierr.Done(c.api.Renew(t.Context(), &guestapi.RenewParams{CardplaneEpoch: 1}, guestapi.Renewal{EntropyBase64: make([]byte, bytes), Time: now}))
	}
	for range 2 {
		if err := renew(64, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.agent.Renewals(); n != 2 {
		t.Errorf("renewed %d times", n)
	}
	for _, err := range []error{renew(31, time.Now()), renew(513, time.Now()), renew(64, time.Unix(-1, 0))} {
		if !apierr.Is(err, "bad_request") {
			t.Errorf("got %v", err)
		}
	}
}

func TestPowerOff(t *testing.T) {
	c := start(t)
	c.mustPut("polite", shell("trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done"))
	c.mustPut("rude", shell("trap '' TERM; echo ready; while :; do sleep 0.01; done"))
	for _, id := range []string{"polite", "rude"} {
		c.open(id, "", guestwire.Stdout, 0).read(len("ready\n"))
	}
	if err := apierr.Done(c.api.PowerOff(t.Context(), &guestapi.PowerOffParams{CardplaneEpoch: 1}, guestapi.PowerOff{GraceSeconds: 1})); err != nil {
		t.Fatal(err)
	}
	<-c.agent.PoweredOff()
	if view := c.wait("polite"); view.ExitCode != 5 {
		t.Errorf("%+v", view)
	}
	if view := c.wait("rude"); view.Signal != 9 {
		t.Errorf("%+v", view)
	}
	if _, err := c.put("late", shell("true")); !apierr.Is(err, "shutting_down") {
		t.Errorf("start at the end: %v", err)
	}
}

func TestForeignRequests(t *testing.T) {
	c := start(t)
	for _, tc := range []struct{ method, path, body, code string }{
		{"GET", "/", "", "bad_request"},
		{"GET", "/v2/info", "", "bad_request"},
		{"PUT", "/v1/containers/c1", "{", "bad_request"},
		{"PUT", "/v1/containers/c1", `{"spec":{"process":{"args":7}}}`, "bad_request"},
		{"POST", "/v1/poweroff", "", "bad_request"},
		{"POST", "/v1/poweroff", `{"graceSeconds":-1}`, "bad_request"},
		{"GET", "/v1/containers/c1/wait?timeoutSeconds=x", "", "bad_request"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tc.method, "http://guest"+tc.path, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set(guestwire.EpochHeader, "1")
		if err := apierr.Done(c.api.Client.Do(req)); !apierr.Is(err, tc.code) {
			t.Errorf("%s %s %s: %v", tc.method, tc.path, tc.body, err)
		}
	}
}
