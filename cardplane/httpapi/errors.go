package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

// methodError is a request with a method that its route does not have. HTTP
// demands a status of its own for it (RFC 9110 section 15.5.6).
type methodError struct{ method, path, allow string }

func (e *methodError) Error() string {
	return fmt.Sprintf("%.200q takes no %s; use %s", e.path, e.method, e.allow)
}

// fail answers r with err as a problem document. It is the only place where
// an error becomes a response. When a response is under way already, all that
// is left is to break the connection off, so that the client sees it cut short.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	log := s.log.WithField("method", r.Method).WithField("path", r.URL.Path).WithError(logged(err))
	switch internal := apierr.ClassOf(err) == apierr.Internal; {
	case internal && r.Context().Err() != nil:
		// The client has gone, and reads no answer, or the server is told to
		// end.
		log.Debug("request given up")
		err = apierr.New(apierr.Unavailable, "control_plane_stopping", "the control plane is stopping; try again once it is back")
	case internal:
		log.Error("request failed")
	}
	if started(w) {
		panic(http.ErrAbortHandler)
	}
	var method *methodError
	if errors.As(err, &method) {
		writeMethodProblem(w, method)
		return
	}
	apierr.Write(w, err)
}

// logged returns what the log should say about err: the cause, where the
// message is made for the user.
func logged(err error) error {
	var e *apierr.Error
	if errors.As(err, &e) && e.Cause != nil {
		return e.Cause
	}
	return err
}

// writeMethodProblem sends err as an InvalidArgument problem with status 405.
func writeMethodProblem(w http.ResponseWriter, err *methodError) {
	problem := apierr.ToProblem(apierr.New(apierr.InvalidArgument, "method_not_allowed", "%s", err.Error()))
	problem.Status = http.StatusMethodNotAllowed
	problem.Title = http.StatusText(problem.Status)
	w.Header().Set("Content-Type", apierr.ContentType)
	w.WriteHeader(problem.Status)
	_ = json.NewEncoder(w).Encode(problem)
}

// failDecoding answers a request that the generated code could not decode.
// Validation comes first, so that hardly anything is left to be found here.
func (s *server) failDecoding(w http.ResponseWriter, r *http.Request, err error) {
	var parameter *cardapi.InvalidParamFormatError
	if errors.As(err, &parameter) {
		s.fail(w, r, apierr.New(apierr.InvalidArgument, "invalid_parameter", "parameter %s is malformed: %w", parameter.ParamName, parameter.Err).At(parameter.ParamName))
		return
	}
	s.fail(w, r, apierr.New(apierr.InvalidArgument, "invalid_request", "the request could not be decoded: %w", err))
}
