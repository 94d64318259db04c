package cardplane

import (
	"context"
	"time"
)

// Stream names one of a process's output streams.
type Stream string

// The output streams. A terminal's output is all Stdout.
const (
	Stdout Stream = "stdout"
	Stderr Stream = "stderr"
)

// LogRecord is a run of bytes as the card received it. A line may be spread
// over several records.
type LogRecord struct {
	Stream Stream
	// Offset of the first byte within its stream since the container was
	// created, bytes that were lost included.
	Offset int64
	// Time is when the card received the bytes.
	Time time.Time
	Data []byte
	// Lost counts the bytes that the log policy dropped just before Data.
	Lost int64
}

// LogOptions select a part of a journal.
type LogOptions struct {
	// Follow goes on until the container has ended and all is read.
	Follow bool
	// Stdout and Stderr choose the streams.
	Stdout, Stderr bool
	// Tail begins with this many last lines; negative means all of them.
	Tail int64
	// Since and Until leave out what was received before, and not before,
	// them. Zero times leave out nothing. A reader that follows ends at Until.
	Since, Until time.Time
	// StdoutOffset and StderrOffset leave out the bytes before them, which a
	// reader that goes on where another one was cut off has had. What is no
	// longer kept after them is Lost in the first record.
	StdoutOffset, StderrOffset int64
}

// LogReader reads records in the order in which the card received them.
type LogReader interface {
	// Next returns the next record, io.EOF after the last, or ctx's error.
	// The record's Data is valid until the next call.
	Next(ctx context.Context) (LogRecord, error)
	// Close releases the reader. It does not touch the journal.
	Close() error
}

// AttachOptions tell Attach what to join.
type AttachOptions struct {
	// Stdin takes the process's stdin. The latest taker has it.
	Stdin bool
	// Replay begins with the output of the present run from its start.
	Replay bool
}

// Output is a piece of a process's output.
type Output struct {
	Stream Stream
	Data   []byte
}

// Session is one attachment to a process's streams. Recv is for one
// goroutine; the other methods may be called beside it.
type Session interface {
	// Recv returns the next output, io.EOF once the process has ended and
	// all its output was returned, or ctx's error. Data is valid until the
	// next call.
	Recv(ctx context.Context) (Output, error)
	// ExitCode returns the process's exit code, or why there is none. It is
	// meaningful once Recv has returned io.EOF.
	ExitCode() (int, error)
	// Write sends p to the process's stdin. It blocks while the process does
	// not read. After the process has ended it returns io.ErrClosedPipe.
	Write(p []byte) (int, error)
	// CloseStdin ends the process's stdin.
	CloseStdin() error
	// Resize sets the size of the process's terminal.
	Resize(ctx context.Context, size TerminalSize) error
	// Close detaches. The process goes on.
	Close() error
}

// ExecSpec is a further process to run in a container.
type ExecSpec struct {
	// Command is the program and its arguments; never empty.
	Command []string
	// Env is added to the container's environment.
	Env map[string]string
	// WorkingDir is absolute; empty means the container's.
	WorkingDir string
	// User is as in ContainerSpec; empty means the container's.
	User string
	// TTY gives the process a terminal.
	TTY bool
	// Stdin keeps stdin open for an attach.
	Stdin bool
	// TerminalSize is the terminal's first size; the zero value means 24x80.
	TerminalSize TerminalSize
}

// Exec is a further process as it stands.
type Exec struct {
	ID          string
	ContainerID string
	Command     []string
	Running     bool
	// ExitCode means something when Running is false.
	ExitCode int
	// StartedAt is zero for one that an older control plane has started.
	StartedAt time.Time
	// TTY and Stdin are as in its ExecSpec.
	TTY, Stdin bool
}
