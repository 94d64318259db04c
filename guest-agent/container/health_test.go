package container_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/cardplane/cardplane/guest-agent/agenttest"
	"github.com/cardplane/cardplane/guest-agent/container"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// probed starts a container, with real processes, that runs script as its
// health check.
func probed(t *testing.T, script string, change func(*guestapi.Healthcheck)) *container.Manager {
	t.Helper()
	c := config()
	c.Spec.Process = &specs.Process{Args: []string{"sleep", "1000"}, Cwd: "/", Env: os.Environ(), Terminal: true}
	c.Healthcheck = guestapi.Healthcheck{
		Command: []string{"sh", "-c", script}, IntervalSeconds: 0.01, TimeoutSeconds: 60, StartIntervalSeconds: 0.01, Retries: 2,
	}
	if change != nil {
		change(&c.Healthcheck)
	}
	m := agenttest.Start(t).Containers
	if _, _, err := m.Put(t.Context(), "c1", c); err != nil {
		t.Fatal(err)
	}
	return m
}

// health returns the health once more than after probes have ended.
func health(t *testing.T, m *container.Manager, after int64) guestapi.Health {
	t.Helper()
	h, err := m.Health(t.Context(), "c1", after)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHealthy(t *testing.T) {
	m := probed(t, "echo out; echo err >&2", nil)
	h := health(t, m, 0)
	if r := h.Results[0]; h.Status != guestapi.HealthHealthy || r.ExitCode != 0 || r.Output != "out\nerr\n" || r.FinishedAt.Before(r.StartedAt) {
		t.Fatalf("%+v", h)
	}
	if execs, err := m.ListExecs("c1"); err != nil || len(execs) > 0 {
		t.Errorf("probes show as execs: %v, %v", execs, err)
	}
}

func TestUnhealthy(t *testing.T) {
	m := probed(t, "exit 3", nil)
	if h := health(t, m, 0); h.Status != guestapi.HealthStarting && h.Probes == 1 || h.Results[0].ExitCode != 3 {
		t.Fatalf("%+v", h)
	}
	if h := health(t, m, 1); h.Status != guestapi.HealthUnhealthy || h.FailingStreak < 2 {
		t.Fatalf("%+v", h)
	}
}

// A probe that hangs is killed with all that it has started, also what has
// closed its output.
func TestProbeHangs(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	m := probed(t, "sleep 1000 >/dev/null 2>&1 & echo $! $$ >>"+pids+"; echo half; wait", func(h *guestapi.Healthcheck) {
		h.TimeoutSeconds, h.Retries = 0.3, 1
	})
	h := health(t, m, 0)
	for !strings.Contains(h.Results[len(h.Results)-1].Output, "half") { // it was killed before it had begun
		h = health(t, m, h.Probes)
	}
	if r := h.Results[0]; h.Status != guestapi.HealthUnhealthy || r.ExitCode != -1 || !strings.Contains(r.Output, "timeout of 300ms") {
		t.Fatalf("%+v", h)
	}
	if err := m.Delete(t.Context(), "c1", true); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	for pid := range strings.FieldsSeq(string(text)) {
		n, err := strconv.Atoi(pid)
		if err != nil {
			t.Fatal(err)
		}
		awaitKilled(n)
	}
}

// running reports whether a process is there and no zombie.
func running(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// awaitKilled returns once a process that has got SIGKILL is gone: the signal is
// sent before it has an effect. One that was left out runs until the test times out.
func awaitKilled(pid int) {
	for running(pid) {
		time.Sleep(time.Millisecond)
	}
}

// What a probe leaves behind goes with it.
func TestProbeLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	m := probed(t, "sleep 1000 & echo $! >"+dir+"/pid", nil)
	health(t, m, 0)
	if err := m.Delete(t.Context(), "c1", true); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(dir + "/pid")
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	awaitKilled(pid)
}

func TestProbeCommandMissing(t *testing.T) {
	m := probed(t, "", func(h *guestapi.Healthcheck) { h.Command = []string{"no-such-command"} })
	h := health(t, m, 1)
	if r := h.Results[0]; h.Status != guestapi.HealthUnhealthy || r.ExitCode != -1 || !strings.Contains(r.Output, "no-such-command") {
		t.Fatalf("%+v", h)
	}
}

// A flood is read to its end and its beginning kept; what is cut within a
// character is text all the same.
func TestProbeFloods(t *testing.T) {
	m := probed(t, "printf x; yes é | head -c 5000000", nil)
	h := health(t, m, 0)
	if r := h.Results[0]; r.ExitCode != 0 || len(r.Output) > 4096 || len(r.Output) < 4000 || !strings.HasPrefix(r.Output, "xé\né\n") {
		t.Fatalf("exit code %d, %d bytes", r.ExitCode, len(r.Output))
	}
}

// A paused container is not probed, and a probe that a pause cuts short does
// not count.
func TestPauseEndsAProbe(t *testing.T) {
	dir := t.TempDir()
	m := probed(t, "echo >"+dir+"/begun; [ -e "+dir+"/go ] || sleep 1000", nil)
	for {
		if _, err := os.Stat(dir + "/begun"); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := m.Pause(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/go", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // ten intervals
	if h := health(t, m, -1); h.Probes != 0 {
		t.Fatalf("%+v", h)
	}
	if err := m.Unpause(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	if h := health(t, m, 0); h.Status != guestapi.HealthHealthy || h.Results[0].ExitCode != 0 {
		t.Fatalf("%+v", h)
	}
}

// The end of the container is no failure of its probe, and who waits for the
// next result is told of it.
func TestContainerEndsWhileProbed(t *testing.T) {
	m := probed(t, "sleep 1000", func(h *guestapi.Healthcheck) { h.Retries = 1 })
	if err := m.Kill("c1", syscall.SIGKILL, false); err != nil {
		t.Fatal(err)
	}
	if h := health(t, m, 0); h.Status != guestapi.HealthStarting || h.Probes != 0 {
		t.Fatalf("%+v", h)
	}
}

func TestBadHealthchecks(t *testing.T) {
	m := newManager(t, newWorld())
	for field, change := range map[string]func(*guestapi.Healthcheck){
		"/healthcheck/command":              func(h *guestapi.Healthcheck) { h.Command = []string{""} },
		"/healthcheck/intervalSeconds":      func(h *guestapi.Healthcheck) { h.IntervalSeconds = 0 },
		"/healthcheck/timeoutSeconds":       func(h *guestapi.Healthcheck) { h.TimeoutSeconds = -1 },
		"/healthcheck/startPeriodSeconds":   func(h *guestapi.Healthcheck) { h.StartPeriodSeconds = 1e30 },
		"/healthcheck/startIntervalSeconds": func(h *guestapi.Healthcheck) { h.StartIntervalSeconds = 1e-9 },
		"/healthcheck/retries":              func(h *guestapi.Healthcheck) { h.Retries = 0 },
	} {
		c := config()
		c.Healthcheck = guestapi.Healthcheck{Command: []string{"x"}, IntervalSeconds: 1, TimeoutSeconds: 1, StartIntervalSeconds: 1, Retries: 1}
		change(&c.Healthcheck)
		if _, _, err := m.Put(t.Context(), "c1", c); !apierr.Is(err, "invalid_config") || apierr.From(err).Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := m.Health(t.Context(), "c1", -1); !apierr.Is(err, "container_not_found") {
		t.Error(err)
	}
	if _, _, err := m.Put(t.Context(), "c1", config()); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Health(t.Context(), "c1", -1); !apierr.Is(err, "no_healthcheck") {
		t.Error(err)
	}
}
