package chvmm

import (
	"errors"
	"net/http"
	"slices"
	"testing"
)

func TestChain(t *testing.T) {
	err := apiFault("The VM could not boot", NewFault("Cannot open kernel file", errors.New("open /x: no such file")))
	want := []string{"Error from API", "The VM could not boot", "Cannot open kernel file", "open /x: no such file"}
	if got := Chain(err); !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestStatus(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want int
	}{
		{apiFault("The VM could not boot", errMissingConfig), http.StatusNotFound},
		{apiFault("The disk could not be added to the VM", errNotCreated), http.StatusNotFound},
		{apiFault("The VM could not be paused", errNotRunning), http.StatusInternalServerError},
		{apiFault("The VM could not boot", &NotSupported{"fs", "no"}), http.StatusInternalServerError},
		{jsonFault(errors.New("EOF")), http.StatusBadRequest},
		{errBadRequest, http.StatusBadRequest},
		{errNotFound, http.StatusNotFound},
	} {
		if got := statusOf(tc.err); got != tc.want {
			t.Errorf("%v: %d, want %d", tc.err, got, tc.want)
		}
	}
}
