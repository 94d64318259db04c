package apierr_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// Every class must survive the way through HTTP and back.
func TestRoundTrip(t *testing.T) {
	for class := apierr.Internal; class <= apierr.NotSupported; class++ {
		t.Run(class.String(), func(t *testing.T) {
			want := apierr.New(class, "some_code", "field %q is bad", "memory").At("/memory").With([]string{"line 1"})
			rec := httptest.NewRecorder()
			apierr.Write(rec, fmt.Errorf("wrapped: %w", want))
			if got := rec.Header().Get("Content-Type"); got != apierr.ContentType {
				t.Fatalf("content type %q", got)
			}
			got := apierr.ReadResponse(rec.Result())
			if got.Class != class || got.Code != want.Code || got.Message != want.Message || got.Field != want.Field {
				t.Fatalf("got %+v, want %+v", got, want)
			}
			if fmt.Sprintf("%+v", got) != want.Message+"\n  | line 1" {
				t.Fatalf("evidence lost: %+v", got)
			}
		})
	}
}

func TestUnclassifiedErrorsAreHidden(t *testing.T) {
	p := apierr.ToProblem(errors.New("password is hunter2"))
	if p.Status != http.StatusInternalServerError || strings.Contains(p.Detail, "hunter2") {
		t.Fatalf("leaked: %+v", p)
	}
}

func TestNewKeepsCause(t *testing.T) {
	cause := errors.New("cause")
	if err := apierr.New(apierr.Unavailable, "x", "it broke: %w", cause); !errors.Is(err, cause) {
		t.Fatal("cause lost")
	}
	if apierr.From(nil) != nil {
		t.Fatal("From(nil) must be nil")
	}
}

func TestForeignBodies(t *testing.T) {
	for _, tc := range []struct {
		status int
		want   apierr.Class
	}{
		{http.StatusBadGateway, apierr.Internal},
		{http.StatusServiceUnavailable, apierr.Unavailable},
		{http.StatusConflict, apierr.FailedPrecondition},
		{http.StatusRequestEntityTooLarge, apierr.InvalidArgument},
		{http.StatusNotFound, apierr.NotFound},
	} {
		if got := apierr.FromResponse(tc.status, []byte("<html>")); got.Class != tc.want {
			t.Errorf("%d: class %v, want %v", tc.status, got.Class, tc.want)
		}
	}
}

type thing struct {
	Name string `json:"name"`
}

func TestDecode(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			_, _ = w.Write([]byte(`{"name":"x"}`))
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		case "/garbage":
			_, _ = w.Write([]byte(`{"name":`))
		default:
			apierr.Write(w, apierr.New(apierr.NotFound, "nope", "nothing here"))
		}
	}))
	defer srv.Close()
	if got, err := apierr.Decode[thing](http.Get(srv.URL + "/ok")); err != nil || got.Name != "x" {
		t.Fatalf("ok: %v %v", got, err)
	}
	if err := apierr.Done(http.Get(srv.URL + "/empty")); err != nil {
		t.Fatalf("empty: %v", err)
	}
	if _, err := apierr.Decode[thing](http.Get(srv.URL + "/garbage")); !apierr.Is(err, "bad_response") {
		t.Fatalf("garbage: %v", err)
	}
	if _, err := apierr.Decode[thing](http.Get(srv.URL + "/missing")); !apierr.Is(err, "nope") {
		t.Fatalf("missing: %v", err)
	}
	if _, err := apierr.Decode[thing](http.Get("http://127.0.0.1:1/")); !apierr.Is(err, "unreachable") {
		t.Fatalf("unreachable: %v", err)
	}
}
