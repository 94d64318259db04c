package apierr

import (
	"encoding/json"
	"io"
	"net/http"
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

// Problem is the body of every error response (RFC 9457 section 3.1), with
// our extension members class, code, field and evidence.
type Problem struct {
	Type     string   `json:"type"`
	Title    string   `json:"title"`
	Status   int      `json:"status"`
	Detail   string   `json:"detail"`
	Class    string   `json:"class"`
	Code     string   `json:"code"`
	Field    string   `json:"field,omitempty"`
	Evidence []string `json:"evidence,omitempty"`
}

// ToProblem returns the problem document for err.
func ToProblem(err error) Problem {
	e := From(err)
	row, ok := classTable[e.Class]
	if !ok {
		row = classTable[Internal]
	}
	return Problem{
		Type:     "about:blank",
		Title:    http.StatusText(row.status),
		Status:   row.status,
		Detail:   e.Message,
		Class:    row.name,
		Code:     e.Code,
		Field:    e.Field,
		Evidence: e.Evidence,
	}
}

// FromProblem returns the error that p describes. A class this build does not
// know falls back to the class of the status.
func FromProblem(p Problem) *Error {
	e := &Error{Class: classOfStatus(p.Status), Code: p.Code, Message: p.Detail, Field: p.Field, Evidence: p.Evidence}
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
