package cardplanetest

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Linux signal numbers.
const (
	sighup   = 1
	sigint   = 2
	sigkill  = 9
	sigterm  = 15
	sigcont  = 18
	sigwinch = 28
)

var signalNames = map[string]int{
	"HUP": sighup, "INT": sigint, "QUIT": 3, "KILL": sigkill, "USR1": 10, "USR2": 12, "TERM": sigterm, "CONT": sigcont, "WINCH": sigwinch,
}

// parseSignal returns the number of a signal given by name or number.
func parseSignal(text string) (int, bool) {
	if n, err := strconv.Atoi(text); err == nil {
		return n, n >= 1 && n <= 64
	}
	n, ok := signalNames[strings.TrimPrefix(strings.ToUpper(text), "SIG")]
	return n, ok
}

// signalExit is the exit code of a program that signal n ended.
func signalExit(n int) int { return 128 + n }

// builtins are programs that behave, as far as they go, like those of a real
// image, so that the same tests can run on one.
func builtins() map[string]Program {
	return map[string]Program{
		"true":        {Run: func(*Process) int { return 0 }},
		"false":       {Run: func(*Process) int { return 1 }},
		"echo":        {Run: echo},
		"cat":         {Run: cat},
		"sleep":       {Run: sleep},
		"env":         {Run: env},
		"sh":          {Run: shell},
		"/etc/passwd": {},
	}
}

func echo(p *Process) int {
	_, _ = fmt.Fprintln(p.Stdout, strings.Join(p.Args, " "))
	return 0
}

func cat(p *Process) int {
	if _, err := io.Copy(p.Stdout, p.Stdin); err != nil {
		return 1
	}
	return 0
}

func sleep(p *Process) int {
	seconds, err := strconv.ParseFloat(p.Args[0], 64)
	if err != nil {
		return 1
	}
	p.pause(time.Duration(seconds * float64(time.Second)))
	return 0
}

func env(p *Process) int {
	for _, name := range slices.Sorted(maps.Keys(p.Env)) {
		_, _ = fmt.Fprintf(p.Stdout, "%s=%s\n", name, p.Env[name])
	}
	return 0
}

// shell runs `sh -c SCRIPT` for scripts of simple commands joined by ";":
// echo WORDS [>&2], exit N, read X, stty size, sleep N, cat.
func shell(p *Process) int {
	if len(p.Args) < 2 || p.Args[0] != "-c" {
		return interactive(p)
	}
	for command := range strings.SplitSeq(p.Args[1], ";") {
		if code, exits := simpleCommand(p, command); exits {
			return code
		}
	}
	return 0
}

// interactive runs one command a line until the end of its input.
func interactive(p *Process) int {
	lines := bufio.NewScanner(p.Stdin)
	for lines.Scan() {
		if code, exits := simpleCommand(p, lines.Text()); exits {
			return code
		}
	}
	return 0
}

func simpleCommand(p *Process, command string) (code int, exits bool) {
	words := strings.Fields(command)
	if len(words) == 0 {
		return 0, false
	}
	out := p.Stdout
	if last := len(words) - 1; words[last] == ">&2" {
		out, words = p.Stderr, words[:last]
	}
	switch words[0] {
	case "exit":
		code, _ := strconv.Atoi(words[1])
		return code, true
	case "echo":
		_, _ = fmt.Fprintln(out, strings.Join(words[1:], " "))
	case "read":
		readLine(p.Stdin)
	case "stty":
		size := p.Size()
		_, _ = fmt.Fprintf(out, "%d %d\n", size.Rows, size.Cols)
	case "cat":
		return cat(p), false
	case "sleep":
		seconds, _ := strconv.ParseFloat(words[1], 64)
		return 1, !p.pause(time.Duration(seconds * float64(time.Second)))
	default:
		_, _ = fmt.Fprintf(p.Stderr, "sh: %s: not found\n", words[0])
		return 127, true
	}
	return 0, false
}

// readLine reads up to and including a line's end and nothing beyond it.
func readLine(r io.Reader) {
	b := make([]byte, 1)
	for {
		if n, err := r.Read(b); err != nil || n > 0 && b[0] == '\n' {
			return
		}
	}
}
