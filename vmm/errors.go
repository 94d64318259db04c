package vmm

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// NotSupportedPrefix begins the root cause of an error that tells that this
// VMM lacks a feature for good; what follows is the feature and the reason.
const NotSupportedPrefix = "not supported: "

// answerError turns an answer of status 400 or more into an error whose
// evidence is the VMM's chain of causes.
func answerError(op operation, status int, body []byte) *apierr.Error {
	chain := errorChain(status, body)
	cause := chain[len(chain)-1]
	row := classify(status, chain)
	e := apierr.New(row.class, row.code, "the VMM could not %s: %s", op.name, cause)
	return e.With(chain)
}

// errorChain decodes the three shapes of an error body: a JSON array of
// strings, the text of the HTTP parser, which looks like a JSON object and is
// none, and nothing at all. It never returns an empty chain.
func errorChain(status int, body []byte) []string {
	var chain []string
	if json.Unmarshal(body, &chain) == nil && len(chain) > 0 {
		return chain
	}
	if text, ok := parserError(body); ok {
		return []string{text}
	}
	return []string{http.StatusText(status)}
}

// parserError takes the message out of `{ "error": "<message>…" }`, in which
// the message may hold raw newlines.
func parserError(body []byte) (string, bool) {
	_, rest, ok := bytes.Cut(body, []byte(`"error": "`))
	if !ok {
		text := strings.TrimSpace(string(body))
		return text, text != ""
	}
	text, _, _ := strings.Cut(string(rest), "\"")
	return strings.Join(strings.Fields(text), " "), true
}

type errorRow struct {
	class apierr.Class
	code  string
}

// classify decides by status first and by text second, because the VMM sends
// 500 for nearly everything.
func classify(status int, chain []string) errorRow {
	switch status {
	case http.StatusBadRequest:
		return errorRow{apierr.InvalidArgument, "vmm_bad_request"}
	case http.StatusNotFound:
		return errorRow{apierr.NotFound, "vm_not_created"}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return errorRow{apierr.Unavailable, "vmm_busy"}
	}
	for _, text := range chain {
		for _, row := range causeTable {
			if strings.HasPrefix(text, row.prefix) {
				return row.errorRow
			}
		}
	}
	return errorRow{apierr.Internal, "vmm_failed"}
}

// causeTable tells what a cause's text begins with where its class matters to
// a caller.
var causeTable = []struct {
	prefix string
	errorRow
}{
	{NotSupportedPrefix, errorRow{apierr.NotSupported, "vmm_not_supported"}},
	{"VM is not running", errorRow{apierr.FailedPrecondition, "vm_wrong_state"}},
	{"VM is not created", errorRow{apierr.NotFound, "vm_not_created"}},
	{"VM config is missing", errorRow{apierr.NotFound, "vm_not_created"}},
	{"VM is already created", errorRow{apierr.FailedPrecondition, "vm_wrong_state"}},
	{"Invalid transition", errorRow{apierr.FailedPrecondition, "vm_wrong_state"}},
	{"invalid VM state transition", errorRow{apierr.FailedPrecondition, "vm_wrong_state"}},
}
