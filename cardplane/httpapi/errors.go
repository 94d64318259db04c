package httpapi

import (
	"errors"
	"net/http"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

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
