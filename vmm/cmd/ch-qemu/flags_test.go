package main

import (
	"errors"
	"strings"
	"testing"
)

func TestFlags(t *testing.T) {
	m := NewMain()
	err := m.ParseFlags([]string{"--api-socket", "path=/a", "--event-monitor=fd=3", "-vv", "--seccomp", "false", "--no-shutdown", "--log-file", "/l"})
	if err != nil {
		t.Fatal(err)
	}
	if want := (Main{APISocket: "path=/a", EventMonitor: "fd=3", LogFile: "/l", Verbosity: 2, Seccomp: "false", NoShutdown: true}); *m != want {
		t.Fatalf("got %+v", *m)
	}
}

func TestBadFlags(t *testing.T) {
	for _, tc := range []struct {
		args, want string
	}{
		{"", "--api-socket is missing"},
		{"--api-socket /a extra", "unexpected argument"},
		{"--api-socket /a --seccomp maybe", "--seccomp"},
		{"--api-socket /a --kernel /k", "not supported: --kernel: create the VM through the API"},
		{"--api-socket /a --pvpanic", "not supported: --pvpanic"},
		{"--api-socket /a --landlock", "not supported: --landlock"},
		{"--api-socket /a --fly", "unknown flag"},
	} {
		err := NewMain().ParseFlags(strings.Fields(tc.args))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, want %q", tc.args, err, tc.want)
		}
	}
	if err := NewMain().ParseFlags([]string{"--version"}); !errors.Is(err, errShown) {
		t.Errorf("--version: %v", err)
	}
}
