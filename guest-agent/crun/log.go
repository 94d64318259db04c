package crun

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// logLine is a line of crun's log in JSON.
type logLine struct {
	Message string `json:"msg"`
	Level   string `json:"level"`
}

// parseLog returns the messages of the errors in a log, oldest first. Lines
// that are no JSON, such as one that was cut, are taken as they are.
func parseLog(text []byte) []string {
	var messages []string
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		var l logLine
		switch err := json.Unmarshal(line, &l); {
		case err != nil:
			messages = append(messages, strings.ToValidUTF8(string(line), "?"))
		case l.Level == "error" && l.Message != "":
			messages = append(messages, l.Message)
		}
	}
	return messages
}

// execMessages returns crun's messages at the beginning of what a dead
// process has printed, nil if the bytes are the program's own.
func execMessages(head []byte) []string {
	var messages []string
	for line := range bytes.Lines(head) {
		var l logLine
		if json.Unmarshal(withoutColour(bytes.TrimSpace(line)), &l) != nil || l.Level != "error" || !strings.HasPrefix(l.Message, "exec") {
			break
		}
		messages = append(messages, l.Message)
	}
	return messages
}

// withoutColour returns line without the escape sequences that crun puts
// around a message on a terminal.
func withoutColour(line []byte) []byte {
	if !bytes.HasPrefix(line, []byte("\x1b[")) {
		return line
	}
	begin, end := bytes.IndexByte(line, '{'), bytes.LastIndexByte(line, '}')
	if begin < 0 || end < begin {
		return line
	}
	return line[begin : end+1]
}

// startError returns err, of a start of command in the container id, as a
// user may see it.
func (r *Runtime) startError(id, command string, err error) error {
	var f *failure
	if !errors.As(err, &f) || len(f.messages) == 0 {
		return apierr.New(apierr.FailedPrecondition, "start_failed",
			"%q could not be started in container %q: %w", command, id, err)
	}
	return classify(id, command, f).With(f.messages)
}

// classify tells the errors apart that a user can do something about, by
// crun's words for them.
func classify(id, command string, f *failure) *apierr.Error {
	text := f.Error()
	has := func(part string) bool { return strings.Contains(text, part) }
	switch {
	case has("executable file") && has("not found"):
		return apierr.New(apierr.InvalidArgument, "command_not_found",
			"the command %q is not in container %q; check its spelling and the image's PATH", command, id)
	case strings.HasPrefix(text, "crun: exec") && has("No such file or directory"):
		return apierr.New(apierr.InvalidArgument, "command_not_found",
			"the command %q is in container %q, but the interpreter or loader that it names is not; check its first line, or install its libraries", command, id)
	case has("Exec format error"):
		return apierr.New(apierr.InvalidArgument, "command_not_executable",
			"the command %q in container %q is no program for this machine; check the image's architecture", command, id)
	case has("open executable") || strings.HasPrefix(text, "crun: exec") && has("Permission denied"):
		return apierr.New(apierr.InvalidArgument, "command_not_executable",
			"the command %q in container %q is not executable; check that it is a file, its mode, and the user", command, id)
	case has("is not running"):
		return apierr.New(apierr.FailedPrecondition, "container_not_running", "container %q has exited", id)
	}
	return apierr.New(apierr.FailedPrecondition, "start_failed",
		"%q could not be started in container %q: %s", command, id, text)
}
