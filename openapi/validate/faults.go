package validate

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/cardplane/cardplane/openapi/apierr"
)

const (
	// maxFaults bounds how many faults of one request are named.
	maxFaults = 16
	// maxTold bounds how many of them the error's message tells of.
	maxTold = 3
	// maxShown bounds how much of an offending value an error repeats.
	maxShown = 64
)

// faults gathers what is wrong with a request, in the order in which it is
// found. Its zero value is empty.
type faults struct {
	list []apierr.Fault
	// parameter is the name of the parameter that is being checked, which is
	// then the place of every fault; empty for the body.
	parameter string
}

func (f *faults) full() bool { return len(f.list) == maxFaults }

func (f *faults) append(code, field, value, format string, args ...any) {
	if !f.full() {
		f.list = append(f.list, apierr.Fault{Field: field, Code: code, Value: value, Message: fmt.Sprintf(format, args...)})
	}
}

// add notes that the value at a place breaks a constraint of s.
func (f *faults) add(s *schema, at string, value any, format string, args ...any) {
	code, what := "invalid_field", "field "+shorten(at)
	switch {
	case f.parameter != "":
		code, what, at = "invalid_parameter", "parameter "+f.parameter, f.parameter
	case at == "":
		what = "the request body"
	}
	f.append(code, at, s.repeated(value), "%s %s", what, fmt.Sprintf(format, args...))
}

func (f *faults) wrongType(s *schema, at string, value any, want string) {
	f.add(s, at, value, "is %s; it must be %s", s.shown(value), want)
}

// err returns the error about all faults, or nil.
func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	first := f.list[0]
	err := apierr.New(apierr.InvalidArgument, first.Code, "%s", first.Message).At(first.Field)
	err.Faults = f.list
	for i, more := range f.list[1:] {
		if i == maxTold-1 {
			err.Message += fmt.Sprintf("; and %d more faults", len(f.list)-maxTold)
			break
		}
		err.Message += "; " + more.Message
	}
	return err
}

// repeated returns the value that an error repeats as it was given: a scalar
// that is no secret.
func (s *schema) repeated(value any) string {
	if s.secret {
		return ""
	}
	switch v := value.(type) {
	case string:
		return shorten(v)
	case json.Number, bool:
		return shorten(fmt.Sprint(v))
	}
	return ""
}

// shown renders value for a message, unless it is a secret.
func (s *schema) shown(value any) string {
	if s.secret {
		return "not what it should be"
	}
	return shown(value)
}

// shown renders a value for an error message, on one line and not too long.
func shown(value any) string {
	switch v := value.(type) {
	case string:
		return strconv.Quote(shorten(v))
	case map[string]any:
		return "an object"
	case []any:
		return "an array"
	default:
		return shorten(fmt.Sprint(v))
	}
}

func shorten(text string) string {
	if len(text) <= maxShown {
		return strings.ToValidUTF8(text, "�")
	}
	return strings.ToValidUTF8(text[:maxShown], "") + "…"
}
