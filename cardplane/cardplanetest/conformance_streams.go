package cardplanetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// read returns the records that a reader has, to its end.
func (s *suite) read(reader cardplane.LogReader) []cardplane.LogRecord {
	s.t.Helper()
	defer func() { _ = reader.Close() }()
	var out []cardplane.LogRecord
	for {
		record, err := reader.Next(s.ctx)
		if errors.Is(err, io.EOF) {
			return out
		}
		s.ok(err)
		record.Data = bytes.Clone(record.Data)
		out = append(out, record)
	}
}

func text(records []cardplane.LogRecord) string {
	var out strings.Builder
	for _, record := range records {
		out.Write(record.Data)
	}
	return out.String()
}

// output returns what a container has written so far.
func (s *suite) output(id string) string {
	s.t.Helper()
	reader, err := s.Containers.Logs(s.ctx, id, cardplane.LogOptions{Stdout: true, Stderr: true, Tail: -1})
	s.ok(err)
	return text(s.read(reader))
}

func withStdin(spec *cardplane.ContainerSpec) { spec.Stdin = true }

func (s *suite) stdin() {
	c := s.running(withStdin, "cat")
	session, err := s.Containers.Attach(s.ctx, c.ID, cardplane.AttachOptions{Stdin: true, Replay: true})
	s.ok(err)
	defer func() { _ = session.Close() }()
	_, err = io.WriteString(session, "one ")
	s.ok(err)
	_, err = io.WriteString(session, "two")
	s.ok(err)
	s.ok(session.CloseStdin())
	stdout, _, code := s.drain(session)
	equal(s, "stdout", stdout, "one two")
	equal(s, "exit code", code, 0)

	// Without stdin, a program reads nothing.
	equal(s, "exit code", s.ended(nil, "cat").ExitCode, 0)
}

func (s *suite) largeStreams() {
	const size = 3 << 20
	c := s.running(withStdin, "cat")
	session, err := s.Containers.Attach(s.ctx, c.ID, cardplane.AttachOptions{Stdin: true, Replay: true})
	s.ok(err)
	defer func() { _ = session.Close() }()
	block := bytes.Repeat([]byte("0123456789abcdef"), 1<<10)
	sent := make(chan error, 1)
	go func() {
		for range size / len(block) {
			if _, err := session.Write(block); err != nil {
				sent <- err
				return
			}
		}
		sent <- session.CloseStdin()
	}()
	stdout, _, _ := s.drain(session)
	s.ok(<-sent)
	equal(s, "bytes", len(stdout), size)
	equal(s, "content", strings.Count(stdout, "0123456789abcdef"), size/16)
}

func (s *suite) attachLate() {
	c := s.running(withStdin, "sh", "-c", "echo early; read x; echo late")
	log, err := s.Containers.Logs(s.ctx, c.ID, cardplane.LogOptions{Stdout: true, Follow: true, Tail: -1})
	s.ok(err)
	defer func() { _ = log.Close() }()
	first, err := log.Next(s.ctx)
	s.ok(err)
	equal(s, "first output", string(first.Data), "early\n")

	replayed, err := s.Containers.Attach(s.ctx, c.ID, cardplane.AttachOptions{Replay: true})
	s.ok(err)
	defer func() { _ = replayed.Close() }()
	live, err := s.Containers.Attach(s.ctx, c.ID, cardplane.AttachOptions{Stdin: true})
	s.ok(err)
	defer func() { _ = live.Close() }()
	_, err = io.WriteString(live, "\n")
	s.ok(err)
	all, _, _ := s.drain(replayed)
	equal(s, "replayed", all, "early\nlate\n")
	rest, _, _ := s.drain(live)
	equal(s, "live", rest, "late\n")
	_, err = live.Write([]byte("x"))
	equal(s, "write after the end fails", err != nil, true)
}

func (s *suite) detach() {
	c := s.running(withStdin, "cat")
	session, err := s.Containers.Attach(s.ctx, c.ID, cardplane.AttachOptions{Stdin: true, Replay: true})
	s.ok(err)
	s.ok(session.Close())
	got, err := s.Containers.Get(s.ctx, c.ID)
	s.ok(err)
	equal(s, "state after detaching", got.State, cardplane.Running)
	// The next attachment takes stdin over.
	session, err = s.Containers.Attach(s.ctx, c.ID, cardplane.AttachOptions{Stdin: true, Replay: true})
	s.ok(err)
	defer func() { _ = session.Close() }()
	_, err = io.WriteString(session, "still here")
	s.ok(err)
	s.ok(session.CloseStdin())
	stdout, _, _ := s.drain(session)
	equal(s, "stdout", stdout, "still here")
}

func (s *suite) terminal() {
	c := s.running(func(spec *cardplane.ContainerSpec) {
		spec.TTY, spec.Stdin, spec.TerminalSize = true, true, cardplane.TerminalSize{Rows: 30, Cols: 100}
	}, "sh", "-c", "stty size; read x; stty size; echo err >&2; read x; stty size")
	session, err := s.Containers.Attach(s.ctx, c.ID, cardplane.AttachOptions{Stdin: true, Replay: true})
	s.ok(err)
	defer func() { _ = session.Close() }()
	var got strings.Builder
	until := func(want string) {
		for !strings.Contains(got.String(), want) {
			output, err := session.Recv(s.ctx)
			s.ok(err)
			equal(s, "stream", output.Stream, cardplane.Stdout)
			got.Write(output.Data)
		}
	}
	until("30 100")
	s.ok(session.Resize(s.ctx, cardplane.TerminalSize{Rows: 41, Cols: 121}))
	_, err = io.WriteString(session, "\n")
	s.ok(err)
	until("41 121")
	until("err")
	s.ok(s.Containers.Resize(s.ctx, c.ID, cardplane.TerminalSize{Rows: 42, Cols: 122}))
	_, err = io.WriteString(session, "\n")
	s.ok(err)
	until("42 122")

	plain := s.running(nil, "sleep", "1000")
	s.fails(s.Containers.Resize(s.ctx, plain.ID, cardplane.TerminalSize{Rows: 1, Cols: 1}), apierr.FailedPrecondition, "no_terminal")
}

func (s *suite) exec() {
	c := s.running(func(spec *cardplane.ContainerSpec) { spec.Env = map[string]string{"A": "1"} }, "sleep", "1000")
	e, err := s.Containers.Exec(s.ctx, c.ID, cardplane.ExecSpec{Command: []string{"env"}, Env: map[string]string{"B": "2"}}, "")
	s.ok(err)
	equal(s, "container", e.ContainerID, c.ID)
	session, err := s.Containers.AttachExec(s.ctx, c.ID, e.ID)
	s.ok(err)
	stdout, _, code := s.drain(session)
	s.ok(session.Close())
	equal(s, "exit code", code, 0)
	equal(s, "environment", strings.Contains(stdout, "A=1\n") && strings.Contains(stdout, "B=2\n"), true)
	e, err = s.Containers.GetExec(s.ctx, c.ID, e.ID)
	s.ok(err)
	equal(s, "running", e.Running, false)

	e, err = s.Containers.Exec(s.ctx, c.ID, cardplane.ExecSpec{Command: []string{"sh", "-c", "cat; echo err >&2; exit 9"}, Stdin: true}, "")
	s.ok(err)
	session, err = s.Containers.AttachExec(s.ctx, c.ID, e.ID)
	s.ok(err)
	_, err = io.WriteString(session, "hello")
	s.ok(err)
	s.ok(session.CloseStdin())
	stdout, stderr, code := s.drain(session)
	s.ok(session.Close())
	equal(s, "stdout", stdout, "hello")
	equal(s, "stderr", stderr, "err\n")
	equal(s, "exit code", code, 9)
}

// A client that vanishes loses nothing: the exec goes on, is listed, and whoever
// attaches next has the rest of its output and its exit code.
func (s *suite) execReattach() {
	c := s.running(nil, "sleep", "1000")
	none, err := s.Containers.ListExecs(s.ctx, c.ID)
	s.ok(err)
	equal(s, "execs at first", len(none), 0)
	e, err := s.Containers.Exec(s.ctx, c.ID, cardplane.ExecSpec{Command: []string{"sh", "-c", "echo one; read x; echo two; exit 6"}, Stdin: true}, "")
	s.ok(err)
	session, err := s.Containers.AttachExec(s.ctx, c.ID, e.ID)
	s.ok(err)
	first, err := session.Recv(s.ctx)
	s.ok(err)
	equal(s, "first output", string(first.Data), "one\n")
	_, err = io.WriteString(session, "\n")
	s.ok(err)
	second, err := session.Recv(s.ctx) // takes the first
	s.ok(err)
	equal(s, "second output", string(second.Data), "two\n")
	s.ok(session.Close()) // without having taken the second

	list, err := s.Containers.ListExecs(s.ctx, c.ID)
	s.ok(err)
	equal(s, "execs", len(list), 1)
	equal(s, "id", list[0].ID, e.ID)
	equal(s, "has its start and stdin", !list[0].StartedAt.IsZero() && list[0].Stdin && !list[0].TTY, true)
	session, err = s.Containers.AttachExec(s.ctx, c.ID, e.ID)
	s.ok(err)
	defer func() { _ = session.Close() }()
	rest, _, code := s.drain(session)
	equal(s, "no output is repeated", strings.Contains(rest, "one"), false)
	equal(s, "exit code", code, 6)
	e, err = s.Containers.GetExec(s.ctx, c.ID, e.ID)
	s.ok(err)
	equal(s, "exit code that is kept", e.ExitCode, 6)
	_, err = s.Containers.ListExecs(s.ctx, "nonesuch")
	s.fails(err, apierr.NotFound, "container_not_found")
}

func (s *suite) execFailures() {
	c := s.running(nil, "sleep", "1000")
	for command, code := range map[string]string{"no-such-program": "command_not_found", "/etc/passwd": "command_not_executable"} {
		_, err := s.Containers.Exec(s.ctx, c.ID, cardplane.ExecSpec{Command: []string{command}}, "")
		equal(s, code, apierr.Is(err, code), true)
	}
	_, err := s.Containers.GetExec(s.ctx, c.ID, "nonesuch")
	s.fails(err, apierr.NotFound, "exec_not_found")
	_, err = s.Containers.AttachExec(s.ctx, c.ID, "nonesuch")
	s.fails(err, apierr.NotFound, "exec_not_found")
	e, err := s.Containers.Exec(s.ctx, c.ID, cardplane.ExecSpec{Command: []string{"true"}}, "")
	s.ok(err)
	err = s.Containers.ResizeExec(s.ctx, c.ID, e.ID, cardplane.TerminalSize{Rows: 1, Cols: 1})
	equal(s, "class of a resize without terminal", apierr.ClassOf(err), apierr.FailedPrecondition)
}

func (s *suite) logs() {
	c := s.ended(nil, "sh", "-c", "echo one; echo two >&2; echo three")
	get := func(opts cardplane.LogOptions) []cardplane.LogRecord {
		s.t.Helper()
		reader, err := s.Containers.Logs(s.ctx, c.ID, opts)
		s.ok(err)
		return s.read(reader)
	}
	all := get(cardplane.LogOptions{Stdout: true, Stderr: true, Tail: -1})
	offsets := make(map[cardplane.Stream]int64)
	for _, record := range all {
		equal(s, "offset", record.Offset, offsets[record.Stream])
		offsets[record.Stream] += int64(len(record.Data))
	}
	equal(s, "stdout", text(get(cardplane.LogOptions{Stdout: true, Tail: -1})), "one\nthree\n")
	equal(s, "stderr", text(get(cardplane.LogOptions{Stderr: true, Tail: -1})), "two\n")
	equal(s, "tail 1", text(get(cardplane.LogOptions{Stdout: true, Tail: 1})), "three\n")
	equal(s, "tail 0", text(get(cardplane.LogOptions{Stdout: true, Tail: 0})), "")
	equal(s, "tail 100", text(get(cardplane.LogOptions{Stdout: true, Tail: 100})), "one\nthree\n")
	last := all[len(all)-1]
	since := get(cardplane.LogOptions{Stdout: true, Stderr: true, Tail: -1, Since: last.Time})
	equal(s, "since", len(since) > 0 && since[len(since)-1].Offset == last.Offset, true)
	equal(s, "until", len(get(cardplane.LogOptions{Stdout: true, Stderr: true, Tail: -1, Until: all[0].Time})), 0)
	equal(s, "until the end", text(get(cardplane.LogOptions{Stdout: true, Tail: -1, Until: last.Time.Add(time.Second), Follow: true})), "one\nthree\n")
	equal(s, "from within a line", text(get(cardplane.LogOptions{Stdout: true, Stderr: true, Tail: -1, StdoutOffset: 6, StderrOffset: 4})), "ree\n")
	equal(s, "from the end", len(get(cardplane.LogOptions{Stdout: true, Stderr: true, Tail: -1, StdoutOffset: 10, StderrOffset: 4})), 0)
	_, err := s.Containers.Logs(s.ctx, "nonesuch", cardplane.LogOptions{Stdout: true})
	s.fails(err, apierr.NotFound, "container_not_found")
}

func (s *suite) logsFollow() {
	c := s.running(withStdin, "sh", "-c", "echo first; read x; echo second; exit 3")
	reader, err := s.Containers.Logs(s.ctx, c.ID, cardplane.LogOptions{Stdout: true, Stderr: true, Follow: true, Tail: -1})
	s.ok(err)
	record, err := reader.Next(s.ctx)
	s.ok(err)
	equal(s, "first", string(record.Data), "first\n")
	session, err := s.Containers.Attach(s.ctx, c.ID, cardplane.AttachOptions{Stdin: true})
	s.ok(err)
	defer func() { _ = session.Close() }()
	_, err = io.WriteString(session, "\n")
	s.ok(err)
	equal(s, "rest", text(s.read(reader)), "second\n")

	// A reader that gives up gets its context's error.
	c = s.running(nil, "sleep", "1000")
	reader, err = s.Containers.Logs(s.ctx, c.ID, cardplane.LogOptions{Stdout: true, Follow: true, Tail: -1})
	s.ok(err)
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	_, err = reader.Next(ctx)
	equal(s, "cancelled", errors.Is(err, context.Canceled), true)
	s.ok(reader.Close())
}
