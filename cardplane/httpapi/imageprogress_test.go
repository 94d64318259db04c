package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

// puller pulls by calling a function.
type puller struct {
	cardplane.ImageService
	pull func(context.Context, cardplane.ProgressFunc) error
}

func (p puller) Pull(ctx context.Context, ref string, opts cardplane.PullOptions) (cardplane.Image, error) {
	return cardplane.Image{ID: ref}, p.pull(ctx, opts.Progress)
}

func TestPullProgress(t *testing.T) {
	gone := apierr.New(apierr.Unavailable, "registry_unavailable", "the registry is gone")
	for name, tc := range map[string]struct {
		begun  bool
		err    error
		panics bool
		status int
		last   string // of the lines
	}{
		"success":        {begun: true, status: 200, last: `"images":[`},
		"nothing to do":  {status: 200, last: `"images":[`},
		"fails at once":  {err: gone, status: 503},
		"fails later":    {begun: true, err: gone, status: 200, last: `"registry_unavailable"`},
		"internal error": {begun: true, err: errors.New("secret"), status: 200, last: `"internal"`},
		"panics":         {panics: true, status: 500},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.services.Images = puller{f.Images(), func(_ context.Context, report cardplane.ProgressFunc) error {
				if tc.begun {
					report(cardplane.ImageProgress{Step: cardplane.StepFetch, Subject: "x", Current: 1, Total: 2})
				}
				if tc.panics {
					panic("broken")
				}
				return tc.err
			}}
			f.serve()
			w := f.do("POST", "/v1/images/pull?progress=true", `{"reference":"x"}`)
			if w.Code != tc.status || strings.Contains(w.Body.String(), "secret") {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if w.Code != 200 {
				problem(t, w)
				return
			}
			lines := strings.Split(strings.TrimSuffix(w.Body.String(), "\n"), "\n")
			if !strings.Contains(lines[len(lines)-1], tc.last) {
				t.Errorf("last line %s", lines[len(lines)-1])
			}
			var p cardapi.ImageProgress
			if err := json.Unmarshal([]byte(lines[0]), &p); tc.begun && (err != nil || *p.Step != cardapi.StepFetch || *p.CurrentBytes != 1) {
				t.Errorf("first line %s", lines[0])
			}
		})
	}
}

// A client that goes away ends its pull.
func TestPullProgressClientGone(t *testing.T) {
	f := newFixture(t)
	ended := make(chan struct{})
	f.services.Images = puller{f.Images(), func(ctx context.Context, report cardplane.ProgressFunc) error {
		defer close(ended)
		report(cardplane.ImageProgress{Step: cardplane.StepFetch, Total: 1})
		<-ctx.Done()
		return ctx.Err()
	}}
	f.serve()
	url := f.listen()
	resp, err := f.client.Post(url+"/v1/images/pull?progress=true", "application/json", strings.NewReader(`{"reference":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	<-ended
}

// Credentials are in no log, whatever becomes of the request.
func TestCredentialsAreNotLogged(t *testing.T) {
	f := newFixture(t)
	for _, body := range []string{
		`{"reference":"test","credentials":{"username":"u","password":"hush-hush"}}`,
		`{"reference":"localhost:1/x","credentials":{"identityToken":"hush-hush"}}`,
		`{"reference":"x","credentials":{"token":"hush-hush","bogus":1}}`,
	} {
		w := f.do("POST", "/v1/images/pull", body)
		if strings.Contains(w.Body.String(), "hush-hush") {
			t.Errorf("answered: %s", w.Body)
		}
	}
	for _, entry := range f.log.AllEntries() {
		if line, err := entry.String(); err != nil || strings.Contains(line, "hush-hush") {
			t.Errorf("logged: %s %v", line, err)
		}
	}
}
