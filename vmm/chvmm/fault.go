package chvmm

import (
	"errors"
	"net/http"

	"github.com/cardplane/cardplane/vmm"
)

// Fault is one link of the chain of causes that the API reports.
type Fault struct {
	// Text says what failed and does not repeat the cause.
	Text string
	// Cause may be nil. A cause that is no Fault ends the chain with its text.
	Cause error
}

// NewFault returns a Fault.
func NewFault(text string, cause error) error { return &Fault{Text: text, Cause: cause} }

// Error returns the whole chain on one line.
func (f *Fault) Error() string {
	if f.Cause == nil {
		return f.Text
	}
	return f.Text + ": " + f.Cause.Error()
}

// Unwrap returns Cause.
func (f *Fault) Unwrap() error { return f.Cause }

// Chain returns err and its causes, outermost first.
func Chain(err error) []string {
	var texts []string
	for err != nil {
		f, ok := err.(*Fault)
		if !ok {
			return append(texts, err.Error())
		}
		texts = append(texts, f.Text)
		err = f.Cause
	}
	return texts
}

// NotSupported is something that a platform cannot do, ever.
type NotSupported struct {
	// Feature is the configuration key or operation, for example "disks[].vhost_user".
	Feature string
	// Reason says why, and what to use instead if there is something.
	Reason string
}

// Error returns feature and reason behind [vmm.NotSupportedPrefix].
func (n *NotSupported) Error() string { return vmm.NotSupportedPrefix + n.Feature + ": " + n.Reason }

// The causes that Cloud Hypervisor's own code has names for.
var (
	errMissingConfig  = &Fault{Text: "VM config is missing"}
	errNotCreated     = &Fault{Text: "VM is not created"}
	errAlreadyCreated = &Fault{Text: "VM is already created"}
	errNotRunning     = &Fault{Text: "VM is not running"}
	errTooManyVsock   = &Fault{Text: "Too many virtio-vsock devices"}
	errVCPUPending    = &Fault{Text: "Still pending removed vCPU"}
	errBadRequest     = &Fault{Text: "Bad Request"}
	errNotFound       = &Fault{Text: "Not Found"}

	errTooManyRequests = &Fault{Text: "Too Many Requests"}
)

// apiFault wraps a failed operation the way the API does.
func apiFault(text string, cause error) error {
	return NewFault("Error from API", NewFault(text, cause))
}

// jsonFault is the error of a body that is not of its schema.
func jsonFault(cause error) error {
	return NewFault("Failed to deserialize JSON", badJSON{cause})
}

// badJSON marks the cause of a jsonFault.
type badJSON struct{ error }

// statusOf returns the HTTP status that the API gives err.
func statusOf(err error) int {
	var bad badJSON
	switch {
	case errors.As(err, &bad), errors.Is(err, errBadRequest):
		return http.StatusBadRequest
	case errors.Is(err, errNotFound), errors.Is(err, errNotCreated), errors.Is(err, errMissingConfig):
		return http.StatusNotFound
	case errors.Is(err, errTooManyRequests):
		return http.StatusTooManyRequests
	}
	return http.StatusInternalServerError
}
