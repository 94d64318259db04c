package cli

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// Exit codes of our own, as docker has them.
const (
	exitFailure       = 1
	exitOurs          = 125
	exitNotExecutable = 126
	exitNotFound      = 127
)

// exitError ends cardctl with code. A nil err was printed already, or is none.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exited returns the error that ends cardctl with a program's exit code.
func exited(code int) error {
	if code == 0 {
		return nil
	}
	return &exitError{code: code}
}

// noProgram chooses the exit code for a program that did not run; other is
// the code for an error that is not the program's.
func noProgram(err error, other int) error {
	var exit *exitError
	switch {
	case err == nil || errors.As(err, &exit):
		return err
	case apierr.Is(err, "command_not_found"):
		return &exitError{code: exitNotFound, err: err}
	case apierr.Is(err, "command_not_executable"):
		return &exitError{code: exitNotExecutable, err: err}
	}
	return &exitError{code: other, err: err}
}

// usageError is an error of the command line.
func usageError(cmd *cobra.Command, format string, args ...any) error {
	return fmt.Errorf(format+"\nSee '%s --help'.", append(args, cmd.CommandPath())...)
}

// printError prints the sentence that err has for the user, and the evidence
// below it.
func (a *App) printError(err error) {
	if err == nil {
		return
	}
	message := err.Error()
	var known *apierr.Error
	if errors.As(err, &known) {
		message = fmt.Sprintf("%+v", known)
	}
	_, _ = fmt.Fprintf(a.Err, "cardctl: %s\n", message)
}

// needArgs returns a cobra.PositionalArgs that wants at least low arguments
// and, unless high is negative, at most high.
func needArgs(low, high int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < low:
			return usageError(cmd, "%q needs at least %d argument(s)", cmd.CommandPath(), low)
		case high >= 0 && len(args) > high:
			return usageError(cmd, "%q takes at most %d argument(s)", cmd.CommandPath(), high)
		}
		return nil
	}
}

// interruptError is the cause of a context that a signal ended.
type interruptError struct {
	signal os.Signal
	forced bool
}

func (e *interruptError) Error() string { return "interrupted by " + e.signal.String() }

func (e *interruptError) code() int {
	if n, ok := e.signal.(syscall.Signal); ok && !e.forced {
		return 128 + int(n)
	}
	return exitFailure
}
