package vmm

import (
	"slices"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
)

func TestAnswerError(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		body   string
		class  apierr.Class
		code   string
		chain  []string
	}{
		{"chain", 500, `["Error from API","The VM could not boot","Cannot open kernel file","No such file or directory (os error 2)"]`,
			apierr.Internal, "vmm_failed", []string{"Error from API", "The VM could not boot", "Cannot open kernel file", "No such file or directory (os error 2)"}},
		{"state", 500, `["Error from API","The VM could not be paused","VM is not running"]`,
			apierr.FailedPrecondition, "vm_wrong_state", []string{"Error from API", "The VM could not be paused", "VM is not running"}},
		{"not supported", 500, `["Error from API","The VM could not boot","not supported: fs: no"]`,
			apierr.NotSupported, "vmm_not_supported", []string{"Error from API", "The VM could not boot", "not supported: fs: no"}},
		{"not created", 404, `["Error from API","The VM could not boot","VM config is missing"]`,
			apierr.NotFound, "vm_not_created", []string{"Error from API", "The VM could not boot", "VM config is missing"}},
		{"busy", 429, `["Too Many Requests"]`, apierr.Unavailable, "vmm_busy", []string{"Too Many Requests"}},
		{"too many connections", 503, `{ "error": "Too many open connections" }`, apierr.Unavailable, "vmm_busy", []string{"Too many open connections"}},
		{"parser", 400, "{ \"error\": \"Invalid HTTP Method.\nAll previous unanswered requests will be dropped.\" }",
			apierr.InvalidArgument, "vmm_bad_request", []string{"Invalid HTTP Method. All previous unanswered requests will be dropped."}},
		{"nothing", 400, "", apierr.InvalidArgument, "vmm_bad_request", []string{"Bad Request"}},
		{"empty chain", 500, "[]", apierr.Internal, "vmm_failed", []string{"[]"}},
		{"foreign", 502, "<html>", apierr.Internal, "vmm_failed", []string{"<html>"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := answerError(opBoot, tc.status, []byte(tc.body))
			if got.Class != tc.class || got.Code != tc.code || !slices.Equal(got.Evidence, tc.chain) {
				t.Fatalf("got %v %s %q", got.Class, got.Code, got.Evidence)
			}
		})
	}
}

func FuzzErrorChain(f *testing.F) {
	f.Add([]byte(`["a","b"]`))
	f.Add([]byte("{ \"error\": \"x\ny\" }"))
	f.Add([]byte(``))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(errorChain(500, body)) == 0 {
			t.Fatal("an error without a chain")
		}
	})
}
