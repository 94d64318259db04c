// Package apierr is the error vocabulary of every Cardplane API: eight
// classes, each with one HTTP status, and a stable machine-readable code
// within the class.
//
// Code below an API boundary returns an *Error (or wraps one with %w); the
// boundary turns it into an RFC 9457 problem document with [ToProblem] and a
// client turns that document back with [FromProblem], so that an error keeps
// its class and code across every hop. An error that carries no *Error is
// internal: it is logged where it surfaces and never shown to the caller.
package apierr

import (
	"errors"
	"fmt"
)

// Class says what a caller can do about an error. The zero value is Internal.
type Class int

const (
	// Internal is a bug or an unforeseen failure of ours. HTTP 500.
	Internal Class = iota
	// InvalidArgument is a request that can never succeed as it stands. HTTP 400.
	InvalidArgument
	// NotFound names something that does not exist. HTTP 404.
	NotFound
	// AlreadyExists names something that exists and must not. HTTP 409.
	AlreadyExists
	// FailedPrecondition is a request that the present state refuses; it may
	// succeed once the state has changed. HTTP 409.
	FailedPrecondition
	// ResourceExhausted is a lack of disk, memory or a bounded number of
	// things. HTTP 507.
	ResourceExhausted
	// Unavailable is a part that cannot be reached now; the same request may
	// succeed later. HTTP 503.
	Unavailable
	// NotSupported is a request that this machine or VMM cannot serve. HTTP 501.
	NotSupported
)

// String returns the class as it stands in a problem document's "class".
func (c Class) String() string {
	if row, ok := classTable[c]; ok {
		return row.name
	}
	return classTable[Internal].name
}

// Error is an error that a caller may see.
type Error struct {
	// Class decides the HTTP status.
	Class Class
	// Code is stable and machine-readable, in snake_case: "vm_not_found".
	Code string
	// Message is one sentence that names the field or object, the value and
	// the remedy. It is shown to the user as it is.
	Message string
	// Field is the JSON pointer (RFC 6901) of the offending request field, the
	// name of the offending parameter, or "".
	Field string
	// Faults is all that is wrong with a request, where that is more than one
	// thing. Code, Message and Field tell of the first.
	Faults []Fault
	// Evidence holds the last lines of a console or log that explain the
	// failure, oldest first. It may be empty.
	Evidence []string
	// Cause is the wrapped error. It is logged and not shown. It may be nil.
	Cause error
}

// Fault is one of several things that are wrong with a request.
type Fault struct {
	// Field is as in [Error].
	Field string
	// Code and Message are as those of an error about this alone.
	Code, Message string
	// Value is what was given, shortened; empty where that tells nothing or
	// must not be repeated.
	Value string
}

// New returns an Error of class with a stable code and a formatted message.
// A %w verb in format sets Cause.
func New(class Class, code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Class: class, Code: code, Message: err.Error(), Cause: errors.Unwrap(err)}
}

// Error implements error with the message alone.
func (e *Error) Error() string { return e.Message }

// Unwrap returns Cause.
func (e *Error) Unwrap() error { return e.Cause }

// Format prints the message; %+v appends every line of Evidence.
func (e *Error) Format(s fmt.State, verb rune) {
	_, _ = fmt.Fprint(s, e.Message)
	if verb != 'v' || !s.Flag('+') {
		return
	}
	for _, line := range e.Evidence {
		_, _ = fmt.Fprintf(s, "\n  | %s", line)
	}
}

// At returns e with Field set to the JSON pointer field.
func (e *Error) At(field string) *Error {
	e.Field = field
	return e
}

// With returns e with Evidence set to lines.
func (e *Error) With(lines []string) *Error {
	e.Evidence = lines
	return e
}

// From returns the *Error that err is or wraps, or an Internal one with err
// as its cause and a message that reveals nothing. From(nil) is nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Class: Internal, Code: "internal", Message: "internal error; the server's log has the details", Cause: err}
}

// ClassOf returns the class of err, Internal where it carries none.
func ClassOf(err error) Class {
	if e := From(err); e != nil {
		return e.Class
	}
	return Internal
}

// Is reports whether err carries an *Error with the given code.
func Is(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}
