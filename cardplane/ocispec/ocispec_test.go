package ocispec_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/ocispec"
	"github.com/cardplane/cardplane/openapi/apierr"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// kernel is a release of the guest's kernel.
const kernel = "6.12.0-test"

func TestArgs(t *testing.T) {
	image := cardplane.ImageConfig{Entrypoint: []string{"/entry"}, Cmd: []string{"default"}}
	for _, tc := range []struct {
		name string
		spec cardplane.ContainerSpec
		want string
	}{
		{"image's", cardplane.ContainerSpec{}, "/entry default"},
		{"command replaces command", cardplane.ContainerSpec{Command: []string{"a", "b"}}, "/entry a b"},
		{"entrypoint drops command", cardplane.ContainerSpec{Entrypoint: []string{"/bin/sh"}}, "/bin/sh"},
		{"both", cardplane.ContainerSpec{Entrypoint: []string{"/bin/sh"}, Command: []string{"-c", "x"}}, "/bin/sh -c x"},
		{"empty entrypoint", cardplane.ContainerSpec{Entrypoint: []string{}, Command: []string{"x"}}, "x"},
	} {
		if got := strings.Join(ocispec.Args(tc.spec, image), " "); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestNothingToRun(t *testing.T) {
	_, err := ocispec.Build(ocispec.Request{ID: "0123456789abcdef", Spec: cardplane.ContainerSpec{Image: "empty"}, Kernel: kernel})
	if !apierr.Is(err, "no_command") {
		t.Fatalf("got %v", err)
	}
}

func TestEnvironment(t *testing.T) {
	r := ocispec.Request{
		ID:    "0123456789abcdef",
		Spec:  cardplane.ContainerSpec{TTY: true, Env: map[string]string{"B": "spec", "A": "=x=", "PATH": "/mine"}},
		Image: cardplane.ImageConfig{Env: []string{"B=image", "C=image", "TERM=vt100"}},
	}
	want := []string{"PATH=/mine", "HOSTNAME=0123456789ab", "TERM=vt100", "B=spec", "C=image", "A==x="}
	if got := ocispec.Env(r); !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestBuild(t *testing.T) {
	spec, err := ocispec.Build(ocispec.Request{
		ID:    "0123456789abcdef",
		Spec:  cardplane.ContainerSpec{Command: []string{"x"}, TTY: true, Hostname: "h", ReadOnlyRoot: true, TerminalSize: cardplane.TerminalSize{Rows: 5, Cols: 7}},
		Image: cardplane.ImageConfig{WorkingDir: "/srv"},
		User:  specs.User{UID: 100, GID: 101}, Kernel: kernel,
	})
	if err != nil {
		t.Fatal(err)
	}
	p := spec.Process
	if spec.Hostname != "h" || !spec.Root.Readonly || p.Cwd != "/srv" || p.User.UID != 100 || !p.Terminal {
		t.Errorf("request not carried over: %+v", p)
	}
	if p.ConsoleSize.Height != 5 || p.ConsoleSize.Width != 7 {
		t.Errorf("terminal size %+v", p.ConsoleSize)
	}
	if len(p.Capabilities.Effective) != 0 || len(p.Capabilities.Bounding) != 14 {
		t.Errorf("an unprivileged user has capabilities %+v", p.Capabilities)
	}
	for _, ns := range spec.Linux.Namespaces {
		if ns.Type == specs.NetworkNamespace {
			t.Error("the container must share the sandbox's network")
		}
	}
}

func TestExec(t *testing.T) {
	base := &specs.Process{Args: []string{"init"}, Cwd: "/srv", Env: []string{"HOME=/root", "A=1"}, User: specs.User{UID: 0}, Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}}}
	p := ocispec.Exec(base, cardplane.ExecSpec{Command: []string{"id"}, Env: map[string]string{"A": "2"}, TTY: true}, specs.User{UID: 5})
	if !slices.Equal(p.Env, []string{"A=2", "TERM=xterm"}) || p.Cwd != "/srv" || p.User.UID != 5 || p.ConsoleSize.Height != 24 || !slices.Equal(p.Capabilities.Bounding, []string{"CAP_KILL"}) {
		t.Fatalf("got %+v", p)
	}
	if !slices.Equal(base.Env, []string{"HOME=/root", "A=1"}) || base.Terminal {
		t.Fatalf("the container's process was changed: %+v", base)
	}
}

func TestParseSignal(t *testing.T) {
	for in, want := range map[string]int{
		"SIGTERM": 15, "term": 15, "Kill": 9, "9": 9, "64": 64, "RTMIN": 34, "SIGRTMIN+3": 37, "rtmax-1": 63,
		"": 0, "0": 0, "65": 0, "-1": 0, "SIGNOPE": 0, "RTMIN+31": 0, "RTMIN3": 0, "RTMAX+1": 0, "SIG": 0,
	} {
		got, err := ocispec.ParseSignal(in)
		if got != want || (want == 0) != apierr.Is(err, "invalid_signal") {
			t.Errorf("%q: %d %v, want %d", in, got, err, want)
		}
	}
}
