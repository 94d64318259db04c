package cardwire_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/cardapi"
	"github.com/cardplane/cardplane/openapi/cardwire"
)

func TestDirections(t *testing.T) {
	client := map[cardwire.Channel]bool{cardwire.Stdin: true, cardwire.Resize: true, cardwire.StdinEnd: true}
	for channel := cardwire.Channel(0); channel < 8; channel++ {
		message := cardwire.Append(nil, channel, []byte("x"))
		_, _, errClient := cardwire.FromClient(message)
		_, _, errServer := cardwire.FromServer(message)
		if (errClient == nil) != client[channel] || (errServer == nil) != (!client[channel] && channel <= cardwire.StdinEnd) {
			t.Errorf("channel %d: client %v, server %v", channel, errClient, errServer)
		}
	}
}

func TestBounds(t *testing.T) {
	if _, _, err := cardwire.FromClient(nil); !errors.Is(err, cardwire.ErrEmpty) {
		t.Errorf("empty: %v", err)
	}
	if _, payload, err := cardwire.FromClient(make([]byte, cardwire.MaxMessage)); err != nil || len(payload) != cardwire.MaxPayload {
		t.Errorf("largest: %d %v", len(payload), err)
	}
	if _, _, err := cardwire.FromClient(make([]byte, cardwire.MaxMessage+1)); !errors.Is(err, cardwire.ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
	for _, bad := range []string{``, `{}`, `{"rows":0,"cols":1}`, `{"rows":1,"cols":65536}`, `{"rows":-1,"cols":1}`, `{"rows":"1"}`} {
		if _, _, err := cardwire.ParseResize([]byte(bad)); err == nil {
			t.Errorf("resize %q passed", bad)
		}
	}
}

func TestStatus(t *testing.T) {
	code := 3
	_, payload, err := cardwire.FromServer(cardwire.StatusMessage(cardapi.StreamStatus{ExitCode: &code}))
	if err != nil {
		t.Fatal(err)
	}
	if status, err := cardwire.ParseStatus(payload); err != nil || *status.ExitCode != 3 {
		t.Fatalf("%+v %v", status, err)
	}
	if _, err := cardwire.ParseStatus([]byte(`{}`)); err == nil {
		t.Error("a status with neither member passed")
	}
	evidence := []string{strings.Repeat("x", cardwire.MaxPayload)}
	long := cardwire.StatusMessage(cardapi.StreamStatus{Error: &cardapi.Problem{Code: "c", Evidence: &evidence}})
	if len(long) > cardwire.MaxMessage {
		t.Errorf("a status message of %d bytes", len(long))
	}
}

func FuzzFromClient(f *testing.F) {
	f.Add([]byte{})
	f.Add(cardwire.Append(nil, cardwire.Stdin, []byte("ls\n")))
	f.Add(cardwire.ResizeMessage(24, 80))
	f.Add([]byte{5})
	f.Add([]byte("\x04{\"rows\":1e3,\"cols\":2}"))
	f.Fuzz(func(t *testing.T, message []byte) {
		channel, payload, err := cardwire.FromClient(message)
		if err != nil {
			return
		}
		if again := cardwire.Append(nil, channel, payload); !bytes.Equal(again, message) {
			t.Fatalf("%x became %x", message, again)
		}
		if channel != cardwire.Resize {
			return
		}
		if rows, cols, err := cardwire.ParseResize(payload); err == nil && (rows == 0 || cols == 0) {
			t.Fatalf("size %dx%d passed", rows, cols)
		}
	})
}
