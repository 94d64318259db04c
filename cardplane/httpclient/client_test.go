package httpclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/sirupsen/logrus/hooks/test"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/httpapi"
	"github.com/cardplane/cardplane/cardplane/httpclient"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func TestEndpoints(t *testing.T) {
	for endpoint, valid := range map[string]bool{
		"unix:///run/x.sock":    true,
		"http://127.0.0.1:8080": true,
		"https://card.example/": true,
		"unix://relative":       false,
		"unix://":               false,
		"tcp://127.0.0.1:8080":  true,
		"tcp://":                false,
		"/run/x.sock":           false,
		"":                      false,
		"http://":               false,
		"http://[::1":           false,
	} {
		_, err := httpclient.New(endpoint)
		if (err == nil) != valid {
			t.Errorf("%q: %v", endpoint, err)
		}
		if err != nil && !apierr.Is(err, "invalid_endpoint") {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}

// failing answers every call with the same error.
type failing struct {
	cardplane.ContainerService
	err error
}

func (f failing) Get(context.Context, string) (cardplane.Container, error) {
	return cardplane.Container{}, f.err
}

func (f failing) Attach(context.Context, string, cardplane.AttachOptions) (cardplane.Session, error) {
	return nil, f.err
}

func (f failing) Logs(context.Context, string, cardplane.LogOptions) (cardplane.LogReader, error) {
	return nil, f.err
}

func (f failing) Remove(context.Context, string, bool, string) error { return f.err }

// An error arrives as it left: as JSON, before a stream and before a
// WebSocket.
func TestErrorsSurvive(t *testing.T) {
	for class := apierr.InvalidArgument; class <= apierr.NotSupported; class++ {
		t.Run(class.String(), func(t *testing.T) {
			want := apierr.New(class, "some_code", "field %q: größer <&>", "x").At("/a~1b").With([]string{"line 1", "line 2"})
			log, _ := test.NewNullLogger()
			client := newClient(t, serve(t, httpapi.New(httpapi.Services{Containers: failing{err: fmt.Errorf("wrapped: %w", want)}}, log)))
			containers := client.Containers()
			_, err := containers.Get(t.Context(), "c")
			_, attachErr := containers.Attach(t.Context(), "c", cardplane.AttachOptions{})
			_, logsErr := containers.Logs(t.Context(), "c", cardplane.LogOptions{})
			for _, err := range []error{err, attachErr, logsErr, containers.Remove(t.Context(), "c", true, "")} {
				var got *apierr.Error
				if !errors.As(err, &got) || !reflect.DeepEqual(got, want) {
					t.Errorf("got %#v, want %#v", err, want)
				}
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	client := newClient(t, "unix:///nonexistent/socket")
	_, err := client.Containers().Get(t.Context(), "c")
	_, attachErr := client.Containers().Attach(t.Context(), "c", cardplane.AttachOptions{})
	_, eventsErr := client.Events().Events(t.Context(), cardplane.EventOptions{})
	for _, err := range []error{err, attachErr, eventsErr} {
		if !apierr.Is(err, "control_plane_unreachable") || !strings.Contains(err.Error(), "unix:///nonexistent/socket") {
			t.Errorf("%v", err)
		}
	}
}

func TestCancelledCall(t *testing.T) {
	_, services := memory(t)
	log, _ := test.NewNullLogger()
	client := newClient(t, serve(t, httpapi.New(services, log)))
	cause := errors.New("the user has had enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	_, err := client.Containers().Get(ctx, "c")
	_, attachErr := client.Containers().Attach(ctx, "c", cardplane.AttachOptions{})
	for _, err := range []error{err, attachErr} {
		if !errors.Is(err, cause) {
			t.Errorf("%v", err)
		}
	}
}

// serveText answers every request with a body and breaks off after it.
func serveText(t *testing.T, contentType, body string) *httpclient.Client {
	return newClient(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, body)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})))
}

// What a broken or foreign server sends is an error, and never an end.
func TestBrokenAnswers(t *testing.T) {
	for name, body := range map[string]string{
		"cut in a line":     `{"stream":"stdout","offset":0,"ti`,
		"cut between lines": `{"stream":"stdout","offset":0,"time":"2026-01-01T00:00:00Z","data":"eA=="}` + "\n",
		"no JSON":           "<html>\n",
		"nothing":           "",
	} {
		t.Run(name, func(t *testing.T) {
			client := serveText(t, "application/x-ndjson", body)
			reader, err := client.Containers().Logs(t.Context(), "c", cardplane.LogOptions{Stdout: true})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = reader.Close() }()
			for err == nil {
				_, err = reader.Next(t.Context())
			}
			if !apierr.Is(err, "connection_lost") || errors.Is(err, io.EOF) {
				t.Errorf("%v", err)
			}
			if _, err := client.Containers().Get(t.Context(), "c"); name != "cut between lines" && !apierr.Is(err, "connection_lost") {
				t.Errorf("%v", err)
			}
		})
	}
}

// A record may be longer than any buffer, up to a bound.
func TestLongLines(t *testing.T) {
	record := func(n int) string {
		return `{"stream":"stdout","offset":0,"time":"2026-01-01T00:00:00Z","data":"` + strings.Repeat("eHh4", n/4) + `"}` + "\n"
	}
	for size, fits := range map[int]bool{1 << 20: true, 16 << 20: false} {
		reader, err := serveText(t, "application/x-ndjson", record(size)).Containers().Logs(t.Context(), "c", cardplane.LogOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := reader.Next(t.Context())
		if (err == nil) != fits || fits && len(got.Data) != size/4*3 {
			t.Errorf("%d: %d bytes, %v", size, len(got.Data), err)
		}
		_ = reader.Close()
	}
}

func TestListsJoinPages(t *testing.T) {
	_, services := memory(t)
	log, _ := test.NewNullLogger()
	client := newClient(t, serve(t, httpapi.New(services, log)))
	const n = 501 // one more than a page
	for range n {
		if _, err := services.Containers.Create(t.Context(), cardplane.ContainerSpec{Image: "test"}, ""); err != nil {
			t.Fatal(err)
		}
	}
	got, err := client.Containers().List(t.Context(), cardplane.ContainerFilter{All: true})
	if err != nil || len(got) != n {
		t.Errorf("%d containers, %v", len(got), err)
	}
}

func TestNotRemote(t *testing.T) {
	client := newClient(t, "unix:///nonexistent/socket")
	_, blockErr := client.Images().Block(t.Context(), "sha256:x")
	_, userErr := client.Images().ResolveUser(t.Context(), "sha256:x", "root", nil)
	for _, err := range []error{blockErr, userErr} {
		if apierr.ClassOf(err) != apierr.NotSupported {
			t.Errorf("%v", err)
		}
	}
}

// References that would change the path are refused before they are sent.
func TestPathReferences(t *testing.T) {
	client := newClient(t, "unix:///nonexistent/socket")
	for _, ref := range []string{"", ".", ".."} {
		if err := client.Containers().Remove(t.Context(), ref, true, ""); !apierr.Is(err, "invalid_reference") {
			t.Errorf("%q: %v", ref, err)
		}
		if _, err := client.Containers().Attach(t.Context(), ref, cardplane.AttachOptions{}); !apierr.Is(err, "invalid_reference") {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

// Wait asks until the server says that it is over, by id once it knows it.
func TestWaitGoesOn(t *testing.T) {
	var asked []string
	client := newClient(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		w.Header().Set("Content-Type", "application/json")
		if len(asked) < 3 {
			w.WriteHeader(http.StatusAccepted)
		}
		_, _ = io.WriteString(w, `{"id":"0123","state":"exited","exitCode":4,"spec":{"image":"test"}}`)
	})))
	c, err := client.Containers().Wait(t.Context(), "01", cardplane.WaitNextExit)
	want := "/v1/containers/01/wait /v1/containers/0123/wait /v1/containers/0123/wait"
	if err != nil || c.ExitCode != 4 || strings.Join(asked, " ") != want {
		t.Errorf("%+v, %v, asked for %v", c, err, asked)
	}
}

func TestOverTCP(t *testing.T) {
	_, services := memory(t)
	log, _ := test.NewNullLogger()
	server := httptest.NewServer(httpapi.New(services, log))
	defer server.Close()
	client := newClient(t, server.URL+"/")
	if _, err := client.System().VersionInfo(t.Context()); err != nil {
		t.Error(err)
	}
	c, err := services.Containers.Create(t.Context(), cardplane.ContainerSpec{Image: "test", Command: []string{"echo", "x"}}, "")
	if err != nil {
		t.Fatal(err)
	}
	session, err := client.Containers().Attach(t.Context(), c.ID, cardplane.AttachOptions{Replay: true})
	if err != nil {
		t.Fatal(err)
	}
	_ = session.Close()
	_ = client.Close()
}
