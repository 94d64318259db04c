package httpclient_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sirupsen/logrus/hooks/test"

	"github.com/cardplane/cardplane/cardplane/httpapi"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardapi"
	sdk "github.com/cardplane/cardplane/openapi/sdk/go"
)

// newSDK returns the Go SDK for a server of services in memory.
func newSDK(t *testing.T) *sdk.Client {
	t.Helper()
	_, services := memory(t)
	log, _ := test.NewNullLogger()
	card, err := sdk.New(serve(t, httpapi.New(services, log)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = card.Close() })
	return card
}

// containersOf returns how many containers there are.
func containersOf(t *testing.T, card *sdk.Client) int {
	t.Helper()
	all := true
	resp, err := card.API.ListContainers(t.Context(), &cardapi.ListContainersParams{All: &all})
	list, err := sdk.Decode[cardapi.ContainerList](t.Context(), card, resp, err)
	if err != nil {
		t.Fatal(err)
	}
	return len(list.Items)
}

func TestSDKRun(t *testing.T) {
	card := newSDK(t)
	var out bytes.Buffer
	remove := true
	code, err := card.Run(t.Context(), cardapi.ContainerSpec{
		Image: "test", Command: &[]string{"sh", "-c", "cat; exit 7"}, AutoRemove: &remove,
	}, sdk.Streams{Stdin: strings.NewReader("in\n"), Stdout: &out})
	if err != nil || code != 7 || out.String() != "in\n" {
		t.Errorf("exit code %d, %v, output %q", code, err, &out)
	}
	// One that cannot be started leaves nothing behind.
	_, err = card.Run(t.Context(), cardapi.ContainerSpec{Image: "test", Command: &[]string{"nonesuch"}, AutoRemove: &remove}, sdk.Streams{})
	if !apierr.Is(err, "command_not_found") {
		t.Errorf("no such command: %v", err)
	}
	if n := containersOf(t, card); n != 0 {
		t.Errorf("%d containers are left", n)
	}
	_, err = card.Run(t.Context(), cardapi.ContainerSpec{Image: "test", Name: new("-")}, sdk.Streams{})
	if e := apierr.From(err); e == nil || e.Field != "/name" {
		t.Errorf("a bad name: %+v", err)
	}
}

func TestSDKExec(t *testing.T) {
	card := newSDK(t)
	resp, err := card.API.CreateContainer(t.Context(), nil, cardapi.ContainerSpec{Image: "test", Command: &[]string{"sleep", "1000"}})
	c, err := sdk.Decode[cardapi.Container](t.Context(), card, resp, err)
	if err != nil {
		t.Fatal(err)
	}
	resp, err = card.API.StartContainer(t.Context(), c.Id)
	if err := sdk.Done(t.Context(), card, resp, err); err != nil {
		t.Fatal(err)
	}
	var out, errout bytes.Buffer
	code, err := card.Exec(t.Context(), c.Name, cardapi.ExecSpec{Command: []string{"sh", "-c", "echo out; echo err >&2; exit 3"}}, sdk.Streams{Stdout: &out, Stderr: &errout})
	if err != nil || code != 3 || out.String() != "out\n" || errout.String() != "err\n" {
		t.Errorf("exit code %d, %v, output %q and %q", code, err, &out, &errout)
	}
	for _, ref := range []string{"", "."} {
		if _, err := card.Exec(t.Context(), ref, cardapi.ExecSpec{}, sdk.Streams{}); !apierr.Is(err, "invalid_reference") {
			t.Errorf("%q: %v", ref, err)
		}
	}
}
