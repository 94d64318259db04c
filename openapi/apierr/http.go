package apierr

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// ContentType is the media type of a problem document (RFC 9457 section 3).
const ContentType = "application/problem+json"

// maxProblem bounds how many bytes of a problem document are read.
const maxProblem = 1 << 20

// classTable is the only place where classes, names and HTTP statuses meet.
var classTable = map[Class]struct {
	name   string
	status int
}{
	Internal:           {"internal", http.StatusInternalServerError},
	InvalidArgument:    {"invalid_argument", http.StatusBadRequest},
	NotFound:           {"not_found", http.StatusNotFound},
	AlreadyExists:      {"already_exists", http.StatusConflict},
	FailedPrecondition: {"failed_precondition", http.StatusConflict},
	ResourceExhausted:  {"resource_exhausted", http.StatusInsufficientStorage},
	Unavailable:        {"unavailable", http.StatusServiceUnavailable},
	NotSupported:       {"not_supported", http.StatusNotImplemented},
}

// statusOfCode holds the codes for which HTTP has a status of its own (RFC
// 9110, RFC 6585), which goes before the one of their class.
var statusOfCode = map[string]int{
	"method_not_allowed":     http.StatusMethodNotAllowed,
	"request_timeout":        http.StatusRequestTimeout,
	"revision_mismatch":      http.StatusPreconditionFailed,
	"body_too_large":         http.StatusRequestEntityTooLarge,
	"unsupported_media_type": http.StatusUnsupportedMediaType,
	"upgrade_required":       http.StatusUpgradeRequired,
	"too_many_requests":      http.StatusTooManyRequests,
}

// Problem is the body of every error response (RFC 9457 section 3.1), with
// our extension members class, code, field, errors and evidence.
type Problem struct {
	Type     string       `json:"type"`
	Title    string       `json:"title"`
	Status   int          `json:"status"`
	Detail   string       `json:"detail"`
	Class    string       `json:"class"`
	Code     string       `json:"code"`
	Field    string       `json:"field,omitempty"`
	Errors   []FieldError `json:"errors,omitempty"`
	Evidence []string     `json:"evidence,omitempty"`
}

// FieldError is a Fault in a problem document. It has a pointer or a
// parameter, or neither where the request body as a whole is meant.
type FieldError struct {
	Pointer   string `json:"pointer,omitempty"`
	Parameter string `json:"parameter,omitempty"`
	Code      string `json:"code"`
	Detail    string `json:"detail"`
	Value     string `json:"value,omitempty"`
}

// ToProblem returns the problem document for err.
func ToProblem(err error) Problem {
	e := From(err)
	row, ok := classTable[e.Class]
	if !ok {
		row = classTable[Internal]
	}
	status := cmp.Or(statusOfCode[e.Code], row.status)
	return Problem{
		Type:     "about:blank",
		Title:    http.StatusText(status),
		Status:   status,
		Detail:   e.Message,
		Class:    row.name,
		Code:     e.Code,
		Field:    e.Field,
		Errors:   fieldErrors(e),
		Evidence: e.Evidence,
	}
}

// fieldErrors lists the faults of a request, also where there is but one.
func fieldErrors(e *Error) []FieldError {
	faults := e.Faults
	if len(faults) == 0 && e.Field != "" {
		faults = []Fault{{Field: e.Field, Code: e.Code, Message: e.Message}}
	}
	var out []FieldError
	for _, f := range faults {
		listed := FieldError{Code: f.Code, Detail: f.Message, Value: f.Value}
		if strings.HasPrefix(f.Field, "/") {
			listed.Pointer = f.Field
		} else {
			listed.Parameter = f.Field
		}
		out = append(out, listed)
	}
	return out
}

// FromProblem returns the error that p describes. A class this build does not
// know falls back to the class of the status.
func FromProblem(p Problem) *Error {
	e := &Error{Class: classOfStatus(p.Status), Code: p.Code, Message: p.Detail, Field: p.Field, Evidence: p.Evidence}
	if len(p.Errors) > 1 {
		for _, f := range p.Errors {
			e.Faults = append(e.Faults, Fault{Field: f.Pointer + f.Parameter, Code: f.Code, Message: f.Detail, Value: f.Value})
		}
	}
	for class, row := range classTable {
		if row.name == p.Class {
			e.Class = class
		}
	}
	if e.Message == "" {
		e.Message = p.Title
	}
	return e
}

// Write sends err as a problem document.
func Write(w http.ResponseWriter, err error) {
	p := ToProblem(err)
	w.Header().Set("Content-Type", ContentType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

// FromResponse returns the error of an HTTP response whose status is 400 or
// more. body is the response's body; one that is no problem document becomes
// the message, shortened.
func FromResponse(status int, body []byte) *Error {
	var p Problem
	if json.Unmarshal(body, &p) == nil && p.Code != "" {
		p.Status = status
		return FromProblem(p)
	}
	return New(classOfStatus(status), "unexpected_response", "the server answered %d %s: %.200q", status, http.StatusText(status), body)
}

// ReadResponse is FromResponse for a body not yet read. It closes the body.
func ReadResponse(resp *http.Response) *Error {
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	if err != nil {
		return New(Unavailable, "connection_lost", "the connection broke while the server's error was read: %w", err)
	}
	return FromResponse(resp.StatusCode, body)
}

func classOfStatus(status int) Class {
	switch {
	case status == http.StatusConflict:
		return FailedPrecondition
	case status >= 400 && status < 500 && status != http.StatusNotFound:
		return InvalidArgument
	}
	for class, row := range classTable {
		if row.status == status {
			return class
		}
	}
	return Internal
}
