package crun

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// fakeEnv names the directory of the fake crun's scripts.
const fakeEnv = "CARDPLANE_TEST_FAKE_CRUN"

// fakeCrun stands for crun, in a process of its own: it takes the same
// arguments, notes them in the file "calls", and follows the script in the
// file that is called as its command, a verb and its argument a line. It
// never waits for what it starts, as crun does not.
func fakeCrun(dir string, args []string) {
	syscall.CloseOnExec(3)
	script, options := fakeScript(dir, args)
	for line := range strings.Lines(script) {
		verb, arg, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch verb {
		case "log":
			must(os.WriteFile(strings.TrimPrefix(options["--log"], "file:"), []byte(arg+"\n"), 0o600))
		case "pid":
			must(os.WriteFile(options["--pid-file"], []byte(arg), 0o600))
		case "orphan": // executes its program
			fakeOrphan(options, arg, 0, 1, 2)
		case "unexecuted": // dies with descriptor 3 open
			fakeOrphan(options, arg, 0, 1, 2, 3)
		case "hang":
			select {}
		case "kill":
			must(syscall.Kill(os.Getpid(), syscall.SIGKILL))
		case "exit":
			code, err := strconv.Atoi(arg)
			must(err)
			os.Exit(code)
		default:
			must(fmt.Errorf("odd script: %q", line))
		}
	}
	os.Exit(0)
}

// fakeScript notes the call and returns the command's script and the options.
func fakeScript(dir string, args []string) (script string, options map[string]string) {
	calls, err := os.OpenFile(filepath.Join(dir, "calls"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(err)
	_, err = fmt.Fprintln(calls, strings.Join(args, " "))
	must(err)
	options = map[string]string{}
	for i, arg := range args {
		switch arg {
		case "run", "exec", "delete":
			text, err := os.ReadFile(filepath.Join(dir, arg))
			must(err)
			script = string(text)
		case "--log", "--pid-file":
			options[arg] = args[i+1]
		}
	}
	return script, options
}

func fakeOrphan(options map[string]string, script string, files ...uintptr) {
	pid, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", script}, &syscall.ProcAttr{Files: files})
	must(err)
	must(os.WriteFile(options["--pid-file"], []byte(strconv.Itoa(pid)), 0o600))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake crun:", err)
		os.Exit(99)
	}
}
