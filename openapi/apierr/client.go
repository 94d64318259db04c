package apierr

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// Decode finishes a generated client's call: it turns a transport failure
// into an Unavailable error, a status of 400 or more into the error that the
// problem document carries, and any other body into a T. A response without
// a body leaves the zero T. The body is closed.
//
//	vm, err := apierr.Decode[hostapi.VM](client.GetVM(ctx, id))
func Decode[T any](resp *http.Response, err error) (T, error) {
	var out T
	if err != nil {
		return out, New(Unavailable, "unreachable", "the server cannot be reached: %w", err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return out, ReadResponse(resp)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusNoContent || resp.ContentLength == 0 {
		return out, nil
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return out, New(Unavailable, badAnswer(resp.Body), "the server's answer to %s could not be read: %w", resp.Request.URL.Path, err)
	}
	return out, nil
}

// badAnswer is the code for a body that is no T: one that is whole is
// bad_response, one that was cut is connection_lost.
func badAnswer(body io.Reader) string {
	if _, err := body.Read(make([]byte, 1)); err != nil && !errors.Is(err, io.EOF) {
		return "connection_lost"
	}
	return "bad_response"
}

// Done is Decode for a call whose answer has no body of interest.
func Done(resp *http.Response, err error) error {
	_, err = Decode[struct{}](resp, err)
	return err
}
