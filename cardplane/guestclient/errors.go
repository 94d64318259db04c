package guestclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"

	"github.com/cardplane/cardplane/openapi/apierr"
)

const (
	// maxMessage bounds a sentence of the guest's, in runes.
	maxMessage = 1000
	// maxEvidence bounds the lines of evidence that a guest may give.
	maxEvidence = 40
	// CodeUnreachable is the code of errors about a guest that does not
	// answer, or answers what is no HTTP. The same call may succeed later.
	CodeUnreachable = "guest_unreachable"
)

// knownCodes are the codes of openapi/guest-agent.yaml. Others are not passed
// on, so that a guest cannot speak in the name of another part.
var knownCodes = map[string]bool{
	"bad_request": true, "missing_epoch": true, "stale_epoch": true,
	"container_not_found": true, "container_exists": true,
	"container_not_running": true, "container_running": true, "container_busy": true, "container_paused": true, "memory_in_use": true, "no_healthcheck": true,
	"exec_not_found": true, "exec_exists": true, "exec_running": true,
	"invalid_config": true, "not_a_terminal": true,
	"interface_not_found": true, "network_failed": true,
	"device_not_found": true, "mount_failed": true, "grow_failed": true, "volume_subpath_invalid": true, "volume_busy": true,
	"command_not_found": true, "command_not_executable": true, "start_failed": true, "invalid_sysctl": true,
	"too_many": true, "stream_not_found": true, "offset_out_of_range": true,
	"stream_ended": true, "shutting_down": true,
	"path_not_found": true, "path_conflict": true, "path_escapes": true,
	"archive_malformed": true, "archive_unsupported": true,
	"read_only": true, "disk_full": true, "copy_failed": true,
	"connection_refused": true, "connection_failed": true,
}

// finish turns a generated client's answer into a T or an error for the user.
func finish[T any](resp *http.Response, err error) (T, error) {
	if err != nil {
		var none T
		return none, unreachable(err)
	}
	out, err := apierr.Decode[T](resp, nil)
	return out, fromGuest(err)
}

// unsent is an error of a connection that was never made.
type unsent struct{ err error }

// Error implements error.
func (u *unsent) Error() string { return u.err.Error() }

// Unwrap returns why there is no connection.
func (u *unsent) Unwrap() error { return u.err }

// Unsent reports whether err is of a call that cannot have reached the guest.
func Unsent(err error) bool {
	var u *unsent
	return errors.As(err, &u)
}

// unreachable hides that a connection has ended before an answer, which must
// not be taken for the end of a stream.
func unreachable(err error) error {
	if errors.Is(err, io.EOF) {
		cut := fmt.Errorf("%v: %w", err, io.ErrUnexpectedEOF)
		if Unsent(err) {
			cut = &unsent{cut}
		}
		err = cut
	}
	return apierr.New(apierr.Unavailable, CodeUnreachable, "the guest agent cannot be reached: %w", err)
}

// fromGuest makes an error that a guest has sent, or that reading its answer
// gave, harmless.
func fromGuest(err error) error {
	if err == nil {
		return nil
	}
	e := *apierr.From(err)
	switch {
	case e.Code == "bad_response" || e.Code == "connection_lost":
		e.Class, e.Code = apierr.Unavailable, CodeUnreachable
	case !knownCodes[e.Code]:
		e.Code = "guest_error"
	}
	e.Message = Printable(e.Message, maxMessage)
	e.Field, e.Faults = "", nil
	evidence := e.Evidence[:min(len(e.Evidence), maxEvidence)]
	e.Evidence = make([]string, len(evidence))
	for i, line := range evidence {
		e.Evidence[i] = Printable(line, maxMessage)
	}
	return &e
}

// Refused reports whether err is an agent's answer, so that it is certain that
// what was asked for was not done.
func Refused(err error) bool {
	switch apierr.ClassOf(err) {
	case apierr.NotFound, apierr.FailedPrecondition, apierr.InvalidArgument, apierr.AlreadyExists, apierr.ResourceExhausted:
		return true
	}
	return false
}

// Permanent reports whether err will not change however often the same is
// asked for.
func Permanent(err error) bool {
	return Refused(err) || errors.Is(err, context.Canceled)
}

// Printable returns s without what could command a terminal, and at most
// limit runes of it. Tabs become spaces.
func Printable(s string, limit int) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n == limit {
			return b.String() + "…"
		}
		switch {
		case r == '\t':
			r = ' '
		case r == unicode.ReplacementChar || !unicode.IsPrint(r):
			continue
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}
