package suite

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/cardplanetest"
	"github.com/cardplane/cardplane/ci/harness"
	"golang.org/x/tools/txtar"
	"rsc.io/script"
	"rsc.io/script/scripttest"
)

// TestScripts runs every text script of testdata against one stack.
func TestScripts(t *testing.T) {
	t.Parallel()
	s := sharedStack(t)
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	registry := startRegistry(t)
	pushProbe(t, registry+"/team/probe:v1")
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			runScript(t, s, file, "REGISTRY="+registry)
		})
	}
}

// runScript runs a script with further variables.
func runScript(t *testing.T, s *harness.Stack, file string, variables ...string) {
	archive, err := txtar.ParseFile(file)
	must(t, err)
	env := append(s.Cardctl(t.Context()).Env, "IMAGES="+filepath.Join(harness.Root(), "build", "images"))
	state, err := script.NewState(t.Context(), t.TempDir(), append(env, variables...))
	must(t, err)
	must(t, state.ExtractFiles(archive))
	must(t, os.WriteFile(state.Path("idle.tar"), cardplanetest.Archive(cardplane.ImageConfig{}, "demo/idle:latest"), 0o600))
	cmds := scripttest.DefaultCmds()
	path := s.Cardctl(t.Context()).Path
	cmds["cardctl"] = program(path)
	cmds["exits"] = exits(path)
	cmds["feed"] = feed(path)
	cmds["listening"] = listening(t, path)
	cmds["await"] = await(path)
	engine := &script.Engine{Cmds: cmds, Conds: scripttest.DefaultConds()}
	scripttest.Run(t, engine, state, file, bytes.NewReader(archive.Comment))
}

// program is the script command `cardctl cardctl-arguments…`.
func program(cardctl string) script.Cmd {
	usage := script.CmdUsage{Summary: "run cardctl", Args: "args..."}
	return script.Command(usage, func(s *script.State, args ...string) (script.WaitFunc, error) {
		return func(s *script.State) (string, string, error) {
			stdout, stderr, _, err := output(s, nil, cardctl, args)
			return stdout, stderr, err
		}, nil
	})
}

// exits is the script command `exits CODE cardctl-arguments…`.
func exits(cardctl string) script.Cmd {
	usage := script.CmdUsage{Summary: "run cardctl and require its exit code", Args: "code args..."}
	return script.Command(usage, func(s *script.State, args ...string) (script.WaitFunc, error) {
		want, err := strconv.Atoi(args[0])
		if err != nil {
			return nil, script.ErrUsage
		}
		return func(s *script.State) (string, string, error) {
			stdout, stderr, got, err := output(s, nil, cardctl, args[1:])
			if got != want {
				return stdout, stderr, fmt.Errorf("exit code %d, want %d (%v)", got, want, err)
			}
			return stdout, stderr, nil
		}, nil
	})
}

// feed is the script command `feed FILE cardctl-arguments…`.
func feed(cardctl string) script.Cmd {
	usage := script.CmdUsage{Summary: "run cardctl with a file as its stdin", Args: "file args..."}
	return script.Command(usage, func(s *script.State, args ...string) (script.WaitFunc, error) {
		return func(s *script.State) (string, string, error) {
			file, err := os.Open(s.Path(args[0]))
			if err != nil {
				return "", "", err
			}
			defer func() { _ = file.Close() }()
			stdout, stderr, _, err := output(s, bufio.NewReader(file), cardctl, args[1:])
			return stdout, stderr, err
		}, nil
	})
}

// listening is the script command `listening NAME cardctl-arguments…`.
func listening(t *testing.T, cardctl string) script.Cmd {
	usage := script.CmdUsage{Summary: "run cardctl beside the script, and set NAME to the address where it says that it listens", Args: "name args..."}
	return script.Command(usage, func(s *script.State, args ...string) (script.WaitFunc, error) {
		cmd := impatient(exec.CommandContext(s.Context(), cardctl, args[1:]...))
		cmd.Dir, cmd.Env = s.Getwd(), s.Environ()
		cmd.Stderr = t.Output()
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		t.Cleanup(func() {
			_ = cmd.Process.Signal(os.Interrupt)
			_ = cmd.Wait()
		})
		line, err := bufio.NewReader(out).ReadString('\n')
		address := listensAt.FindString(line)
		if err != nil || address == "" {
			return nil, fmt.Errorf("cardctl said %q, %w", line, err)
		}
		return nil, s.Setenv(args[0], address)
	})
}

// listensAt is an address as cardctl prints it.
var listensAt = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// await is the script command `await PATTERN cardctl-arguments…`, for what the
// API has no wait for.
func await(cardctl string) script.Cmd {
	usage := script.CmdUsage{Summary: "run cardctl until its output matches", Args: "pattern args..."}
	return script.Command(usage, func(s *script.State, args ...string) (script.WaitFunc, error) {
		pattern, err := regexp.Compile("(?m)" + args[0])
		if err != nil {
			return nil, err
		}
		return func(s *script.State) (string, string, error) {
			for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
				stdout, stderr, _, err := output(s, nil, cardctl, args[1:])
				switch {
				case err == nil && pattern.MatchString(stdout):
					return stdout, stderr, nil
				case time.Now().After(deadline):
					return stdout, stderr, fmt.Errorf("the output never matches %q", args[0])
				}
			}
		}, nil
	})
}

// output runs a command of the script, which ends when it hangs.
func output(s *script.State, stdin io.Reader, path string, args []string) (stdout, stderr string, code int, err error) {
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	var o, e bytes.Buffer
	cmd := impatient(exec.CommandContext(ctx, path, args...))
	cmd.Dir, cmd.Env = s.Getwd(), s.Environ()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &o, &e
	err = cmd.Run()
	return o.String(), e.String(), cmd.ProcessState.ExitCode(), err
}
