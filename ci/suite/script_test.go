package suite

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cardplane/cardplane/ci/harness"
	"golang.org/x/tools/txtar"
	"rsc.io/script"
	"rsc.io/script/scripttest"
)

// TestScripts runs every text script of testdata against one stack.
func TestScripts(t *testing.T) {
	s := sharedStack(t)
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runScript(t, s, file) })
	}
}

func runScript(t *testing.T, s *harness.Stack, file string) {
	archive, err := txtar.ParseFile(file)
	must(t, err)
	cmd := s.Cardctl(t.Context())
	env := append(cmd.Env, "IMAGES="+filepath.Join(harness.Root(), "build", "images"))
	state, err := script.NewState(t.Context(), t.TempDir(), env)
	must(t, err)
	must(t, state.ExtractFiles(archive))
	cmds := scripttest.DefaultCmds()
	cardctl := script.Program(cmd.Path, nil, time.Second)
	cmds["cardctl"] = cardctl
	cmds["exits"] = exits(cmd.Path)
	cmds["feed"] = feed(cmd.Path)
	engine := &script.Engine{Cmds: cmds, Conds: scripttest.DefaultConds()}
	scripttest.Run(t, engine, state, file, bytes.NewReader(archive.Comment))
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
			cmd := command(s, cardctl, args[1:])
			stdout, stderr, err := output(cmd)
			if got := cmd.ProcessState.ExitCode(); got != want {
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
			cmd := command(s, cardctl, args[1:])
			cmd.Stdin = bufio.NewReader(file)
			return output(cmd)
		}, nil
	})
}

func command(s *script.State, path string, args []string) *exec.Cmd {
	cmd := exec.CommandContext(s.Context(), path, args...)
	cmd.Dir, cmd.Env = s.Getwd(), s.Environ()
	return cmd
}

func output(cmd *exec.Cmd) (string, string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	return stdout.String(), stderr.String(), err
}
