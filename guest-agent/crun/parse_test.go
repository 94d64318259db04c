package crun

import (
	"net"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/apierr"
)

var procAttr = syscall.ProcAttr{Files: []uintptr{0, 1, 2}, Env: os.Environ()}

// sendRights sends descriptors as crun sends a terminal.
func sendRights(t *testing.T, path string, fds ...int) {
	t.Helper()
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	if _, _, err := conn.WriteMsgUnix([]byte("/dev/pts/0"), rights, nil); err != nil {
		t.Fatal(err)
	}
}

func TestParsePid(t *testing.T) {
	for text, want := range map[string]int{"1": 1, "4194304\n": 4194304, " 7 ": 7, "": 0, "0": 0, "-1": 0, "x": 0, "99999999999": 0} {
		pid, err := parsePid([]byte(text))
		if pid != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v", text, pid, err)
		}
	}
}

func TestParseLog(t *testing.T) {
	text := `{"msg":"first","level":"error","time":"x"}
{"msg":"chatter","level":"warning"}

not json
{"msg":"last","level":"error"}`
	if got, want := parseLog([]byte(text)), []string{"first", "not json", "last"}; !reflect.DeepEqual(got, want) {
		t.Fatalf("%q", got)
	}
}

func TestExecMessages(t *testing.T) {
	const message = `{"msg":"exec container process` + " `/x`" + `: Exec format error","level":"error","time":"x"}`
	want := []string{"exec container process `/x`: Exec format error"}
	for text, want := range map[string][]string{
		message + "\n":                               want,
		"\x1b[1;31m" + message + "\x1b[0m\r\n":       want, // on a terminal
		"hello\n" + message + "\n":                   nil,
		`{"msg":"mine","level":"error"}` + "\n":      nil,
		`{"msg":"exec of mine","level":"info"}` + "": nil,
		"\x1b[}{": nil,
		"":        nil,
	} {
		if got := execMessages([]byte(text)); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// crun's messages, as version 1.8.1 and later ones print them.
func TestClassify(t *testing.T) {
	for message, code := range map[string]string{
		"executable file `nope` not found in $PATH: No such file or directory":                    "command_not_found",
		"executable file `nope` not found: No such file or directory":                             "command_not_found",
		"exec container process (missing dynamic library?) `/x`: No such file or directory":       "command_not_found",
		"exec: No such file or directory":                                                         "command_not_found",
		"exec container process `/x`: Exec format error":                                          "command_not_executable",
		"exec: Exec format error":                                                                 "command_not_executable",
		"open executable: Permission denied":                                                      "command_not_executable",
		"open executable: Operation not permitted":                                                "command_not_executable",
		"exec container process `/x`: Permission denied":                                          "command_not_executable",
		"the container `c1` is not running":                                                       "container_not_running",
		"hostname requires the UTS namespace":                                                     "start_failed",
		"mount `proc` to `proc`: No such file or directory":                                       "start_failed",
		"write to `/sys/fs/cgroup/containers/c1/memory.max`: Invalid argument, executable or not": "start_failed",
	} {
		if err := classify("c1", "/x", &failure{messages: []string{message}}); err.Code != code {
			t.Errorf("%q: %s", message, err.Code)
		} else if !strings.Contains(err.Message, "c1") {
			t.Errorf("%q: %q does not name the container", message, err.Message)
		}
	}
}

// What crun, or a program that pretends to be it, writes must not upset us.
func FuzzParsers(f *testing.F) {
	f.Add([]byte(`{"msg":"exec container process: Exec format error","level":"error"}` + "\n"))
	f.Add([]byte("\x1b[1;31m{\"msg\":\"exec\",\"level\":\"error\"}\x1b[0m\r\n"))
	f.Add([]byte("123\n"))
	f.Add([]byte{0xff, '\n', '{'})
	r := &Runtime{}
	f.Fuzz(func(t *testing.T, text []byte) {
		if pid, err := parsePid(text); err == nil && pid <= 0 {
			t.Fatalf("pid %d", pid)
		}
		_ = execMessages(text)
		err := r.startError("c1", "x", &failure{code: 1, messages: parseLog(text)})
		if apierr.From(err).Code == "" || apierr.ClassOf(err) == apierr.Internal {
			t.Fatalf("%v", err)
		}
	})
}

func FuzzRights(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 24))
	f.Fuzz(func(t *testing.T, control []byte) {
		if looksLikeRights(control) {
			t.Skip("would close a descriptor of the test's own")
		}
		if file, err := parseRights(control); err == nil {
			t.Fatalf("took %v", file)
		}
	})
}

// looksLikeRights reports whether control names descriptors.
func looksLikeRights(control []byte) bool {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil || len(messages) == 0 {
		return false
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	return err == nil && len(fds) > 0
}
